using EdgeRuntime.Tensors;

namespace EdgeRuntime.Kernels.Tests;

/// <summary>One binary convolution with random data, and its execution by any kernel in memory that ends at forbidden pages.</summary>
internal sealed unsafe class ConvolutionBinaryCase
{
    private readonly byte[] _input, _weights;

    public ConvolutionBinaryCase(in ConvolutionShape shape, BinaryOutput output, int seed)
    {
        Shape = shape;
        Random random = new(seed);
        int outputs = shape.OutChannels, limit = 3 * (int)Math.Sqrt(shape.Depth) + 2;
        _input = Bits(shape.Batch * shape.Height * shape.Width * shape.Channels, random, seed % 7);
        _weights = Bits(outputs * shape.Depth, random, seed % 5);
        Shift = output == BinaryOutput.Int8 && seed % 4 == 0 ? random.Next(1, 9) : 0;
        (Min, Max) = seed % 3 == 0 ? (-1.5f, 2.25f) : (float.NegativeInfinity, float.PositiveInfinity);
        Parameters = new ConvolutionBinaryParameters
        {
            Output = output,
            Scales = output == BinaryOutput.Float32 ? Array(outputs, () => random.NextSingle() + 0.01f) : [],
            Offsets = output == BinaryOutput.Float32 ? Array(outputs, () => random.NextSingle() - 0.5f) : [],
            Multipliers = output == BinaryOutput.Int8 ? Array(outputs, () => Shift > 0 ? random.Next() : (int)(random.NextDouble() * 80 / limit / 256 * int.MaxValue)) : [],
            Bias = output == BinaryOutput.Int8 ? Array(outputs, () => random.Next(-256 * limit, 256 * limit))
                : output == BinaryOutput.Binary ? Array(outputs, () => random.Next(9) == 0 ? -(1 << 29) : random.Next(9) == 0 ? 1 << 29 : random.Next(-limit, limit)) : [],
        };
        ZeroPoint = random.Next(-128, 128);
    }

    public ConvolutionShape Shape { get; }

    public ConvolutionBinaryParameters Parameters { get; }

    public int Shift { get; }

    public int ZeroPoint { get; }

    public float Min { get; }

    public float Max { get; }

    public int InputSign(int index) => (_input[index / 8] >> (index % 8) & 1) * 2 - 1;

    public int WeightSign(int index) => (_weights[index / 8] >> (index % 8) & 1) * 2 - 1;

    /// <summary>Runs a kernel over all portions, in pieces cut at random and handed to <paramref name="workers"/> workers in a random order.</summary>
    public byte[] Run(ConvolutionBinaryKernel kernel, bool guardEnd, int workers, int seed)
    {
        Random random = new(seed);
        ulong[] rows = BitPacked.ToRows(_input, Shape.Batch * Shape.Height * Shape.Width * Shape.Channels, Shape.Channels);
        long outputBytes = (long)Shape.Positions * (Parameters.Output switch
        {
            BinaryOutput.Float32 => 4L * Shape.OutChannels,
            BinaryOutput.Int8 => Shape.OutChannels,
            _ => 8L * BitPacked.Words(Shape.OutChannels),
        });
        using GuardedBuffer input = new(rows.Length * 8L, guardEnd), output = new(outputBytes, guardEnd);
        using GuardedBuffer packed = new((kernel.PackedBytes(Shape) + 63) / 64 * 64, guardEnd), scratch = new((kernel.ScratchBytes(Shape, workers) + 63) / 64 * 64, guardEnd);
        rows.CopyTo(input.Span<ulong>());
        output.Span<byte>().Fill(0xA5);
        scratch.Span<byte>().Fill(0x5A);
        kernel.Pack(Shape, Parameters, BitPacked.ToRows(_weights, Shape.OutChannels * Shape.Depth, Shape.ChannelsPerGroup), packed.Span<byte>()[..(int)kernel.PackedBytes(Shape)]);
        ConvolutionBinaryCall call = ConvolutionBinaryCall.Of(Shape, Parameters) with
        {
            Shift = Shift,
            OutputZeroPoint = ZeroPoint,
            FloatMin = Min,
            FloatMax = Max,
            Min = Min > -2 ? -100 : -128,
            Packed = packed.Pointer,
            Input = (ulong*)input.Pointer,
            Output = output.Pointer,
            Scratch = scratch.Pointer,
        };
        List<(int First, int End)> pieces = [];
        for (int first = 0, portions = kernel.Portions(Shape); first < portions;)
        {
            int end = workers == 1 ? portions : Math.Min(portions, first + random.Next(1, 1 + Math.Max(1, portions / 2)));
            pieces.Add((first, end));
            first = end;
        }
        (int First, int End)[] shuffled = [.. pieces];
        random.Shuffle(shuffled);
        foreach ((int first, int end) in shuffled) kernel.Run(call, first, end, random.Next(workers));
        return output.Span<byte>().ToArray();
    }

    private static byte[] Bits(int count, Random random, int kind)
    {
        byte[] dense = new byte[(count + 7) / 8];
        if (kind == 0) dense.AsSpan().Fill((byte)(random.Next(2) * 255));
        else random.NextBytes(dense);
        return dense;
    }

    private static T[] Array<T>(int count, Func<T> next)
    {
        T[] values = new T[count];
        for (int i = 0; i < count; i++) values[i] = next();
        return values;
    }
}
