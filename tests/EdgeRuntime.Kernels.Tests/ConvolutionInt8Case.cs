using System.Runtime.InteropServices;

namespace EdgeRuntime.Kernels.Tests;

/// <summary>How the numbers of a case are drawn.</summary>
public enum Draw
{
    Random,
    Extreme,
    Asymmetric,
    Shifted,
    Clamped,
}

/// <summary>One convolution with random data, and its execution by any kernel in memory that ends at forbidden pages.</summary>
internal sealed unsafe class ConvolutionInt8Case
{
    private readonly sbyte[] _input, _weights;

    public ConvolutionInt8Case(in ConvolutionShape shape, Draw draw, int seed)
    {
        Shape = shape;
        Random random = new(seed);
        _input = new sbyte[shape.Batch * shape.Height * shape.Width * shape.Channels];
        _weights = new sbyte[shape.OutChannels * shape.Depth];
        Fill(_input, draw, random);
        Fill(_weights, draw, random);
        bool extreme = draw == Draw.Extreme;
        int[] zeros = [-128, 127, 0];
        int shift = draw == Draw.Shifted ? random.Next(1, 9) : 0;
        double spread = Math.Sqrt(shape.Depth) * 5000;
        Parameters = new ConvolutionInt8Parameters
        {
            InputZeroPoint = extreme ? zeros[seed % 3] : random.Next(-128, 128),
            WeightZeroPoints = draw == Draw.Asymmetric || (extreme && seed % 2 == 0) ? Array(shape.OutChannels, () => extreme ? zeros[random.Next(3)] : random.Next(-128, 128)) : [],
            Bias = Array(shape.OutChannels, () => extreme ? random.Next(2) * 1_000_000 - 500_000 : random.Next(-20000, 20000)),
            Multipliers = Array(shape.OutChannels, () => extreme ? random.Next(4) switch { 0 => 0, 1 => 1, 2 => int.MaxValue, _ => 1 << 30 }
                : draw == Draw.Shifted ? random.Next() : (int)(random.NextDouble() * 80 / spread * int.MaxValue)),
            Shift = shift,
            OutputZeroPoint = extreme ? zeros[(seed + 1) % 3] : random.Next(-128, 128),
            Min = draw == Draw.Clamped ? random.Next(-128, 0) : -128,
            Max = draw == Draw.Clamped ? random.Next(0, 128) : 127,
        };
    }

    public ConvolutionShape Shape { get; }

    public ConvolutionInt8Parameters Parameters { get; }

    /// <summary>Runs a kernel over all portions, in pieces cut at random and handed to <paramref name="workers"/> workers in a random order.</summary>
    public sbyte[] Run(ConvolutionInt8Kernel kernel, bool guardEnd, int workers, int seed)
    {
        Random random = new(seed);
        using GuardedBuffer input = new(_input.Length, guardEnd), output = new((long)Shape.Positions * Shape.OutChannels, guardEnd);
        // The contract aligns these two to 64 bytes, so only the start of a page or a whole number of lines can border on the guard.
        using GuardedBuffer packed = new((kernel.PackedBytes(Shape, Parameters) + 63) / 64 * 64, guardEnd), scratch = new((kernel.ScratchBytes(Shape, workers) + 63) / 64 * 64, guardEnd);
        _input.CopyTo(input.Span<sbyte>());
        output.Span<byte>().Fill(0xA5);
        scratch.Span<byte>().Fill(0x5A);
        kernel.Pack(Shape, Parameters, _weights, packed.Span<byte>()[..(int)kernel.PackedBytes(Shape, Parameters)]);
        ConvolutionInt8Call call = new()
        {
            Shape = Shape,
            InputZeroPoint = Parameters.InputZeroPoint,
            Shift = Parameters.Shift,
            OutputZeroPoint = Parameters.OutputZeroPoint,
            Min = Parameters.Min,
            Max = Parameters.Max,
            Packed = packed.Pointer,
            Input = (sbyte*)input.Pointer,
            Output = (sbyte*)output.Pointer,
            Scratch = scratch.Pointer,
        };
        for (int stage = 0; stage < kernel.Stages(Shape); stage++)
        {
            List<(int First, int End)> pieces = [];
            for (int first = 0, portions = kernel.Portions(Shape, stage); first < portions;)
            {
                int end = workers == 1 ? portions : Math.Min(portions, first + random.Next(1, 1 + Math.Max(1, portions / 2)));
                pieces.Add((first, end));
                first = end;
            }
            (int First, int End)[] shuffled = [.. pieces];
            random.Shuffle(shuffled);
            foreach ((int first, int end) in shuffled) kernel.Run(call, stage, first, end, random.Next(workers));
        }
        return output.Span<sbyte>().ToArray();
    }

    private static void Fill(sbyte[] values, Draw draw, Random random)
    {
        random.NextBytes(MemoryMarshal.AsBytes<sbyte>(values));
        if (draw != Draw.Extreme) return;
        bool constant = random.Next(2) == 0;
        for (int i = 0; i < values.Length; i++) values[i] = constant || values[i] >= 0 ? sbyte.MinValue : sbyte.MaxValue;
    }

    private static int[] Array(int count, Func<int> next)
    {
        int[] values = new int[count];
        for (int i = 0; i < count; i++) values[i] = next();
        return values;
    }
}
