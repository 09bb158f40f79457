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

    /// <summary>Weights of −8 to 7, which fit nibbles.</summary>
    Nibbles,

    /// <summary>Nibbles times a multiplier for each group of 32 or 64.</summary>
    Grouped,

    /// <summary>Inputs of −128 or 127, weights of a value by whose multiples 16-bit sums reach their end, and its neighbour.</summary>
    Borders,

    /// <summary>Weights of −1 and +1.</summary>
    Signs,
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
        Fill(_input, false, draw, random);
        Fill(_weights, true, draw, random);
        int group = 32 << seed % 2;
        byte[] multipliers = draw == Draw.Grouped ? [.. Draws(shape.OutChannels * ((shape.Depth + group - 1) / group), () => random.Next(1, 17)).Select(m => (byte)m)] : [];
        if (draw is Draw.Nibbles or Draw.Grouped) MakeNibbles(group, multipliers, random.Next(2) == 0);
        if (draw == Draw.Signs)
            foreach (ref sbyte w in _weights.AsSpan()) w = (sbyte)(w < 0 ? -1 : 1);
        bool extreme = draw == Draw.Extreme;
        int[] zeros = [-128, 127, 0];
        int shift = draw == Draw.Shifted ? random.Next(1, 9) : 0;
        double spread = Math.Sqrt(shape.Depth) * 5000;
        Parameters = new ConvolutionInt8Parameters
        {
            InputZeroPoint = extreme ? zeros[seed % 3] : random.Next(-128, 128),
            WeightZeroPoints = draw == Draw.Asymmetric || (extreme && seed % 2 == 0) ? Draws(shape.OutChannels, () => extreme ? zeros[random.Next(3)] : random.Next(-128, 128)) : [],
            WeightBits = draw is Draw.Nibbles or Draw.Grouped ? 4 : draw == Draw.Signs ? 1 : 8,
            WeightGroup = group,
            WeightMultipliers = multipliers,
            Bias = Draws(shape.OutChannels, () => extreme ? random.Next(2) * 1_000_000 - 500_000 : random.Next(-20000, 20000)),
            Multipliers = Draws(shape.OutChannels, () => extreme ? random.Next(4) switch { 0 => 0, 1 => 1, 2 => int.MaxValue, _ => 1 << 30 }
                : draw == Draw.Shifted ? random.Next() : (int)(random.NextDouble() * 80 / spread * int.MaxValue)),
            Shift = shift,
            OutputZeroPoint = extreme ? zeros[(seed + 1) % 3] : random.Next(-128, 128),
            Min = draw == Draw.Clamped ? random.Next(-128, 0) : -128,
            Max = draw == Draw.Clamped ? random.Next(0, 128) : 127,
            Weights = _weights,
        };
    }

    public ConvolutionShape Shape { get; private set; }

    public ConvolutionInt8Parameters Parameters { get; }

    /// <summary>Makes weights 0 that sparse kernels may skip; their zero points are gone then.</summary>
    public void AddZeros(int seed)
    {
        SparseWeights.Clear(_weights, Shape.OutChannels, seed);
        Shape = Shape with { Units = WeightUnits.Of<sbyte>(_weights, Shape.OutChannels) };
    }

    /// <summary>Runs a kernel over all portions, in pieces cut at random and handed to <paramref name="workers"/> workers in a random order.</summary>
    public sbyte[] Run(ConvolutionInt8Kernel kernel, bool guardEnd, int workers, int seed)
    {
        Random random = new(seed);
        using Memory memory = Of(kernel, guardEnd, workers, 1);
        ConvolutionInt8Call call = memory.Call;
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
        return memory.Output.Span<sbyte>().ToArray();
    }

    /// <summary>Σ x · w of a fully connected layer, by the definition.</summary>
    public int[] Sums()
    {
        int[] sums = new int[Shape.Positions * Shape.OutChannels];
        for (int i = 0; i < sums.Length; i++)
            for (int k = 0; k < Shape.Depth; k++) sums[i] += _input[i / Shape.OutChannels * Shape.Depth + k] * _weights[i % Shape.OutChannels * Shape.Depth + k];
        return sums;
    }

    /// <summary>As <see cref="Sums"/>, by a kernel; accumulated, onto sevens.</summary>
    public int[] RunSums(ConvolutionInt4Kernel kernel, bool accumulate)
    {
        using Memory memory = Of(kernel, true, 1, sizeof(int));
        memory.Output.Span<int>().Fill(7);
        kernel.RunSums(memory.Call, (int*)memory.Output.Pointer, accumulate);
        return memory.Output.Span<int>().ToArray();
    }

    /// <summary>The results as floats: each row with a scale and zero point of its own if the layer is fully connected.</summary>
    public float[] RunFloats(IDynamicKernel kernel, float min)
    {
        using Memory memory = new(this, kernel.PackedBytes(Shape, Parameters), kernel.ScratchBytes(Shape, 1), to => kernel.Pack(Shape, Parameters, _weights, to), true, sizeof(float));
        float[] scales = [.. Enumerable.Range(0, Shape.Positions).Select(i => 0.01f + i * 0.003f)], channels = [.. Enumerable.Range(0, Shape.OutChannels).Select(o => 0.02f + o * 0.001f)];
        int[] zeros = [.. Enumerable.Range(0, Shape.Positions).Select(i => i * 7 % 250 - 125)];
        float[] bias = Array.ConvertAll(channels, c => c * 30 - 1);
        fixed (float* rowScales = scales, weightScales = channels, biases = bias)
        fixed (int* rowZeros = zeros)
        {
            ConvolutionDynamicCall call = new()
            {
                Integers = memory.Call,
                RowScales = rowScales,
                RowZeros = rowZeros,
                RowStep = Shape.KernelHeight == 1 ? 1 : 0,
                Scales = weightScales,
                Bias = biases,
                Min = min,
                Max = float.PositiveInfinity,
                Output = (float*)memory.Output.Pointer,
            };
            for (int stage = 0; stage < kernel.Stages(Shape); stage++) kernel.RunFloat(call, stage, 0, kernel.Portions(Shape, stage), 0);
        }
        return memory.Output.Span<float>().ToArray();
    }

    /// <summary>Makes the weights nibbles; all extreme if <paramref name="extreme"/>, so that sums are as large as they can be.</summary>
    private void MakeNibbles(int group, byte[] multipliers, bool extreme)
    {
        int depth = Shape.Depth, groups = (depth + group - 1) / group;
        for (int i = 0; i < _weights.Length; i++)
        {
            int nibble = extreme ? (i / depth % 2 == 0 ? -8 : 7) : _weights[i] >> 4;
            _weights[i] = (sbyte)(nibble * (multipliers.Length == 0 ? 1 : multipliers[i / depth * groups + i % depth / group]));
        }
        if (extreme) Array.Fill(_input, sbyte.MinValue);
    }

    private static void Fill(sbyte[] values, bool weights, Draw draw, Random random)
    {
        random.NextBytes(MemoryMarshal.AsBytes<sbyte>(values));
        if (draw == Draw.Borders) FillBorders(values, weights, random);
        if (draw != Draw.Extreme) return;
        bool constant = random.Next(2) == 0;
        for (int i = 0; i < values.Length; i++) values[i] = constant || values[i] >= 0 ? sbyte.MinValue : sbyte.MaxValue;
    }

    private static void FillBorders(sbyte[] values, bool weights, Random random)
    {
        int[] borders = weights ? [31, 32, 42, 43, 51, 63, 64, 85, 127] : [127, -127];
        int border = borders[random.Next(borders.Length)], odd = random.Next(2, 40);
        if (random.Next(2) == 0) border = -1 - border;
        for (int i = 0; i < values.Length; i++) values[i] = (sbyte)(weights && i % odd == 0 ? border - Math.Sign(border) : border);
    }

    private static int[] Draws(int count, Func<int> next)
    {
        int[] values = new int[count];
        for (int i = 0; i < count; i++) values[i] = next();
        return values;
    }

    /// <summary>The operands of one execution, each bordering on forbidden pages.</summary>
    private delegate void Packer(Span<byte> destination);

    private Memory Of(ConvolutionInt8Kernel kernel, bool guardEnd, int workers, int outputBytes) =>
        new(this, kernel.PackedBytes(Shape, Parameters), kernel.ScratchBytes(Shape, workers), to => kernel.Pack(Shape, Parameters, _weights, to), guardEnd, outputBytes);

    private sealed class Memory : IDisposable
    {
        private readonly GuardedBuffer _input, _packed, _scratch;

        public Memory(ConvolutionInt8Case test, long packedBytes, long scratchBytes, Packer pack, bool guardEnd, int outputBytes)
        {
            ConvolutionShape shape = test.Shape;
            ConvolutionInt8Parameters parameters = test.Parameters;
            _input = new GuardedBuffer(test._input.Length, guardEnd);
            Output = new GuardedBuffer((long)shape.Positions * shape.OutChannels * outputBytes, guardEnd);
            // The contract aligns these two to 64 bytes, so only the start of a page or a whole number of lines can border on the guard.
            _packed = new GuardedBuffer((packedBytes + 63) / 64 * 64, guardEnd);
            _scratch = new GuardedBuffer((scratchBytes + 63) / 64 * 64, guardEnd);
            test._input.CopyTo(_input.Span<sbyte>());
            Output.Span<byte>().Fill(0xA5);
            // As int16 near the end of the range: a sum with a number that no one wrote wraps.
            _scratch.Span<byte>().Fill(0x7F);
            pack(_packed.Span<byte>()[..(int)packedBytes]);
            Call = new ConvolutionInt8Call
            {
                Shape = shape,
                InputZeroPoint = parameters.InputZeroPoint,
                Shift = parameters.Shift,
                OutputZeroPoint = parameters.OutputZeroPoint,
                Min = parameters.Min,
                Max = parameters.Max,
                Packed = _packed.Pointer,
                Input = (sbyte*)_input.Pointer,
                Output = (sbyte*)Output.Pointer,
                Scratch = _scratch.Pointer,
            };
        }

        public GuardedBuffer Output { get; }

        public ConvolutionInt8Call Call { get; }

        public void Dispose()
        {
            _input.Dispose();
            _packed.Dispose();
            _scratch.Dispose();
            Output.Dispose();
        }
    }
}
