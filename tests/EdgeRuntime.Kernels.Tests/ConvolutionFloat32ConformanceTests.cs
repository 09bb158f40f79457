using Xunit;

namespace EdgeRuntime.Kernels.Tests;

/// <summary>
/// Every float convolution kernel that this processor can run, against the reference, on buffers that border on forbidden
/// pages. The bound is the contract's, bias included.
/// </summary>
public sealed unsafe class ConvolutionFloat32ConformanceTests
{
    /// <summary>Tile edges, first layers, borders, strides, dilations, groups, one-dimensional and tiny shapes.</summary>
    private static IEnumerable<ConvolutionShape> Shapes()
    {
        foreach (int rows in new[] { 1, 2, 5, 6, 7, 11, 12, 13, 25, 61 })
            foreach (int columns in new[] { 1, 2, 3, 7, 8, 9, 12, 16, 17, 24, 31, 33, 48, 64, 65, 80, 100, 128, 131 })
                yield return ConvolutionShape.FullyConnected(rows, 1 + (rows * columns) % 37, columns);
        foreach ((int inputs, int outputs) in new[] { (640, 128), (128, 8), (8, 128), (1, 1), (257, 1001) }) yield return ConvolutionShape.FullyConnected(1, inputs, outputs);
        yield return ConvolutionShape.FullyConnected(900, 40, 70);

        yield return Dense(49, 10, 1, 64, 10, 4, 2, 2, pad: (4, 1, 5, 1));
        yield return Dense(13, 11, 3, 8, 3, 3, 2, 2, pad: (0, 0, 1, 1));
        yield return Dense(8, 9, 16, 16, 3, 3, 1, 1, pad: (1, 1, 1, 1));
        yield return Dense(8, 8, 16, 32, 1, 1, 2, 2);
        yield return Dense(9, 8, 5, 20, 3, 2, 1, 3, pad: (2, 0, 1, 3)) with { Batch = 3 };
        yield return Dense(9, 12, 6, 10, 3, 3, 1, 1, pad: (2, 2, 2, 2)) with { DilationX = 2, DilationY = 2 };
        yield return Dense(9, 12, 6, 10, 3, 3, 1, 1) with { DilationY = 3, Batch = 2 };
        yield return Dense(9, 12, 12, 18, 3, 3, 1, 1, pad: (1, 1, 1, 1)) with { Group = 3 };
        yield return Dense(5, 4, 8, 32, 2, 2, 2, 2) with { Group = 2 };
        yield return Dense(30, 1, 10, 24, 7, 1, 2, 1, pad: (3, 0, 3, 0)) with { Batch = 2 };
        yield return Dense(38, 40, 3, 8, 3, 3, 2, 2, pad: (0, 0, 1, 1)) with { Batch = 2 };
        yield return Dense(41, 39, 3, 20, 3, 3, 2, 2, pad: (1, 1, 1, 1));
        yield return Dense(3, 3, 4, 4, 3, 3, 1, 1);
        yield return Dense(3, 3, 16, 16, 3, 3, 1, 1);
        yield return Dense(7, 8, 16, 48, 3, 3, 1, 1, pad: (1, 0, 2, 1)) with { Batch = 2 };
        yield return Dense(32, 31, 32, 16, 3, 3, 1, 1, pad: (1, 1, 1, 1));
        yield return Dense(6, 6, 64, 80, 3, 3, 1, 1, pad: (1, 1, 1, 1));
        yield return Dense(1, 1, 8, 24, 3, 3, 1, 1, pad: (1, 1, 1, 1));

        foreach (int channels in new[] { 3, 8, 11, 16, 17, 24, 40, 64 })
            foreach (int stride in new[] { 1, 2 })
                foreach ((int height, int width) in new[] { (1, 1), (3, 3), (2, 4), (3, 5), (5, 6), (3, 8), (3, 15), (7, 21) })
                    yield return Depthwise(height, width, channels, 3, 3, stride, stride, pad: (1, 1, 1, 1));
        yield return Depthwise(9, 9, 20, 3, 3, 2, 2, pad: (0, 0, 1, 1)) with { Batch = 2 };
        yield return Depthwise(9, 24, 12, 3, 3, 1, 1, pad: (1, 1, 1, 1)) with { Batch = 2 };
        yield return Depthwise(6, 28, 8, 3, 3, 1, 1);
        yield return Depthwise(12, 11, 16, 5, 5, 1, 1, pad: (2, 2, 2, 2));
        yield return Depthwise(12, 11, 33, 3, 3, 3, 3, pad: (1, 0, 0, 1));
        yield return Depthwise(12, 13, 16, 3, 3, 1, 1, pad: (2, 2, 2, 2)) with { DilationX = 2, DilationY = 2 };
        yield return Depthwise(24, 1, 128, 10, 1, 1, 1);
        yield return Depthwise(30, 1, 40, 3, 1, 2, 1, pad: (2, 0, 0, 0)) with { Batch = 2 };
        yield return Depthwise(6, 7, 8, 3, 3, 1, 1, pad: (1, 1, 1, 1)) with { OutChannels = 16 };
        yield return Depthwise(2, 2, 8, 7, 7, 1, 1, pad: (3, 3, 3, 3));
    }

    private static ConvolutionShape Dense(int height, int width, int channels, int outputs, int kernelHeight, int kernelWidth, int strideY, int strideX,
        (int Top, int Left, int Bottom, int Right) pad = default) =>
        new(1, height, width, channels, outputs, kernelHeight, kernelWidth, strideY, strideX, 1, 1, pad.Top, pad.Left, pad.Bottom, pad.Right, 1);

    private static ConvolutionShape Depthwise(int height, int width, int channels, int kernelHeight, int kernelWidth, int strideY, int strideX,
        (int Top, int Left, int Bottom, int Right) pad = default) =>
        Dense(height, width, channels, channels, kernelHeight, kernelWidth, strideY, strideX, pad) with { Group = channels };

    public static TheoryData<string> Kernels() => [.. ChosenKernels.Ids(ConvolutionFloat32Kernels.All.Select(k => k.Descriptor))];

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Agrees_with_the_reference_within_the_stated_bound(string id)
    {
        ConvolutionFloat32Kernel kernel = Kernel(id);
        int checkedShapes = 0;
        foreach (ConvolutionShape dense in Shapes())
        {
            Random random = new(checkedShapes);
            Case data = Case.Random(dense, random, bias: checkedShapes % 3 != 0);
            if (!kernel.Supports(dense)) data = data.WithZeros(checkedShapes);
            ConvolutionShape shape = data.Shape;
            if (!kernel.Supports(shape)) continue;
            checkedShapes++;
            (float min, float max) = (checkedShapes % 4) switch { 0 => (0f, 6f), 1 => (0f, float.PositiveInfinity), _ => (float.NegativeInfinity, float.PositiveInfinity) };
            float[] expected = Execute(new ConvolutionFloat32Reference(), data, min, max, random, atEnd: true, split: false);
            float[] bound = Bound(data, kernel.MixesNeighbours);
            foreach (bool atEnd in new[] { true, false })
            {
                float[] actual = Execute(kernel, data, min, max, random, atEnd, split: atEnd);
                for (int i = 0; i < expected.Length; i++)
                    if (!(Math.Abs(actual[i] - (double)expected[i]) <= bound[i]))
                        Assert.Fail($"{id} {shape}: output {i} is {actual[i]:R}, expected {expected[i]:R} ± {bound[i]:R}");
            }
        }
        Assert.True(checkedShapes > 0, "the kernel supports none of the shapes");
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Passes_infinities_and_not_a_numbers_on(string id)
    {
        ConvolutionFloat32Kernel kernel = Kernel(id);
        foreach (ConvolutionShape shape in new[] { ConvolutionShape.FullyConnected(7, 5, 32), Depthwise(5, 5, 16, 3, 3, 1, 1) })
        {
            if (!kernel.Supports(shape)) continue;
            Case data = Case.Random(shape, new Random(1), bias: true);
            data.Input[0] = float.NaN;
            data.Input[^1] = float.PositiveInfinity;
            float[] expected = Execute(new ConvolutionFloat32Reference(), data, -1, 1, new Random(2), atEnd: true, split: false);
            float[] actual = Execute(kernel, data, -1, 1, new Random(2), atEnd: true, split: true);
            Assert.Contains(expected, float.IsNaN);
            for (int i = 0; i < expected.Length; i++)
                Assert.True(float.IsNaN(expected[i]) ? float.IsNaN(actual[i]) : Math.Abs(expected[i] - actual[i]) < 1e-4, $"{id} {shape}: output {i} is {actual[i]}, expected {expected[i]}");
        }
    }

    [Fact]
    public void Every_instruction_set_finds_a_kernel_for_every_shape()
    {
        foreach (CpuFeatures cpu in new[] { CpuFeatures.Portable, new(CpuFeature.Avx2), new(CpuFeature.Avx2 | CpuFeature.Avx512), new CpuFeatures(CpuFeature.Neon) })
            foreach (ConvolutionShape shape in Shapes())
                Assert.True(cpu.Has(KernelCatalog.Select(shape, cpu).Kernel.Descriptor.Requires));
    }

    private static ConvolutionFloat32Kernel Kernel(string id) => ConvolutionFloat32Kernels.All.Single(k => k.Descriptor.Id == id);

    private static float[] Bound(Case data, bool mixes)
    {
        // The same sum over magnitudes gives Σ|x·w|.
        float largest = data.Input.Max(Math.Abs);
        Case magnitudes = new(data.Shape, Array.ConvertAll(data.Input, x => mixes ? largest : Math.Abs(x)), Array.ConvertAll(data.Weights, Math.Abs), Array.ConvertAll(data.Bias, Math.Abs));
        float[] sums = Execute(new ConvolutionFloat32Reference(), magnitudes, float.NegativeInfinity, float.PositiveInfinity, new Random(0), atEnd: true, split: false);
        return Array.ConvertAll(sums, s => s * (data.Shape.Depth + 1) * MathF.Pow(2, -22));
    }

    /// <summary>Runs with guarded operands; with <paramref name="split"/>, portion by portion in random groups and order on two workers.</summary>
    private static float[] Execute(ConvolutionFloat32Kernel kernel, Case data, float min, float max, Random random, bool atEnd, bool split)
    {
        ConvolutionShape shape = data.Shape;
        using GuardedBuffer input = new(4L * data.Input.Length, atEnd), output = new(4L * shape.Positions * shape.OutChannels, atEnd);
        using GuardedBuffer packed = new((kernel.PackedBytes(shape) + 63) / 64 * 64, atEnd), scratch = new((kernel.ScratchBytes(shape, 2) + 63) / 64 * 64, atEnd);
        data.Input.CopyTo(input.Span<float>());
        output.Span<float>().Fill(float.NaN);
        scratch.Span<byte>().Fill(0xFF);
        kernel.Pack(shape, data.Weights, data.Bias, packed.Span<byte>()[..(int)kernel.PackedBytes(shape)]);
        ConvolutionFloat32Call call = new()
        {
            Shape = shape,
            Min = min,
            Max = max,
            Packed = packed.Pointer,
            Input = (float*)input.Pointer,
            Output = (float*)output.Pointer,
            Scratch = scratch.Pointer,
        };
        for (int stage = 0; stage < kernel.Stages(shape); stage++)
        {
            int portions = kernel.Portions(shape, stage);
            List<(int First, int End)> ranges = [(0, portions)];
            if (split)
            {
                ranges.Clear();
                for (int first = 0, end; first < portions; first = end) ranges.Add((first, end = Math.Min(portions, first + random.Next(1, 4))));
                random.Shuffle(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(ranges));
            }
            foreach ((int first, int end) in ranges) kernel.Run(call, stage, first, end, first % 2);
        }
        return output.Span<float>().ToArray();
    }

    private sealed record Case(ConvolutionShape Shape, float[] Input, float[] Weights, float[] Bias)
    {
        public static Case Random(ConvolutionShape shape, Random random, bool bias) => new(shape,
            Values(shape.Batch * shape.Height * shape.Width * shape.Channels, random), Values(shape.OutChannels * shape.Depth, random),
            bias ? Values(shape.OutChannels, random) : []);

        /// <summary>The same with weights that sparse kernels may skip.</summary>
        public Case WithZeros(int seed)
        {
            SparseWeights.Clear(Weights, Shape.OutChannels, seed);
            return this with { Shape = Shape with { Units = WeightUnits.Of<float>(Weights, Shape.OutChannels) } };
        }

        private static float[] Values(int count, Random random)
        {
            float[] values = new float[count];
            foreach (ref float v in values.AsSpan()) v = (random.NextSingle() - 0.5f) * 4;
            return values;
        }
    }
}
