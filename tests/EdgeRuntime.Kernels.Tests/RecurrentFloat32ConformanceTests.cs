using Xunit;

namespace EdgeRuntime.Kernels.Tests;

/// <summary>Every float recurrent kernel computes what the reference does, within the bound that grows with the layer, in guarded memory.</summary>
public sealed unsafe class RecurrentFloat32ConformanceTests
{
    public static TheoryData<string> Cases() => [.. ChosenKernels.Ids(RecurrentFloat32Kernels.All.Skip(1).Select(k => k.Descriptor))];

    [Theory]
    [MemberData(nameof(Cases))]
    public void EqualsTheReference(string id)
    {
        RecurrentFloat32Kernel kernel = RecurrentFloat32Kernels.All.Single(k => k.Descriptor.Id == id);
        int seed = 0;
        foreach (RecurrentCellShape shape in (IEnumerable<RecurrentCellShape>)[.. RecurrentShapes.All(), .. RecurrentShapes.All().Where(s => s.Hidden > 3).Select(s => s with { Rank = 1 + s.Hidden * 2 / 5 }),
            .. RecurrentShapes.All().Select(s => s with { IsProductGiven = true })])
        {
            foreach (bool clipped in new[] { false, true })
            {
                seed++;
                if (!kernel.Supports(WithZeros(shape, seed).Shape)) continue;
                (float[] expected, float[] actual) = (Run(RecurrentFloat32Kernels.All[0], shape, clipped, seed, false), Run(kernel, shape, clipped, seed, seed % 3 == 0));
                float bound = (1 + shape.Hidden) * Math.Max(shape.Steps, 1) * MathF.ScaleB(1, -20);
                for (int i = 0; i < expected.Length; i++)
                    Assert.True(Math.Abs(expected[i] - actual[i]) <= bound, $"{id} {shape}, element {i}: {actual[i]}, not {expected[i]}");
            }
        }
    }

    /// <summary>Outputs, then cells.</summary>
    private static float[] Run(RecurrentFloat32Kernel kernel, in RecurrentCellShape shape, bool clipped, int seed, bool guardStart)
    {
        Random random = new(seed);
        RecurrentCellShape s = WithZeros(shape, seed).Shape;
        int rows = s.Directions * s.Gates * s.Hidden, states = s.Directions * s.Batch * s.Hidden;
        float[] weights = WithZeros(s, seed).Weights, second = Draw(random, s.Directions * s.Rank * s.Hidden, 1.5f / MathF.Sqrt(Math.Max(s.Hidden, 1))), bias = seed % 3 == 0 ? [] : Draw(random, rows, 1);
        using GuardedBuffer gates = Guarded(Draw(random, s.Steps * s.Batch * rows, 3), !guardStart), hidden = Guarded(Draw(random, states, 1), !guardStart);
        using GuardedBuffer cell = Guarded(Draw(random, s.Cell == RecurrentCell.Lstm ? states : 0, 2), !guardStart);
        int[] lengths = RecurrentShapes.Lengths(s, seed, random);
        using GuardedBuffer sums = Guarded(Draw(random, s.IsProductGiven ? s.Batch * s.Directions * s.Together * s.Hidden : 0, 2), !guardStart), late = Guarded(Draw(random, s.IsProductGiven ? states : 0, 2), !guardStart);
        using GuardedBuffer output = new(s.Steps * s.Batch * s.OutputRow * sizeof(float), !guardStart);
        using GuardedBuffer packed = new((kernel.PackedBytes(s) + 63) / 64 * 64, !guardStart), scratch = new((kernel.ScratchBytes(s) + 63) / 64 * 64, !guardStart);
        kernel.Pack(s, weights, second, bias, packed.Span<byte>()[..(int)kernel.PackedBytes(s)]);
        fixed (int* steps = lengths)
        {
            RecurrentFloat32Call call = new()
            {
                Shape = s,
                InputGates = (float*)gates.Pointer,
                Packed = packed.Pointer,
                Lengths = lengths.Length == 0 ? null : steps,
                Hidden = (float*)hidden.Pointer,
                Cell = (float*)cell.Pointer,
                Output = (float*)output.Pointer,
                Clip = clipped ? 1.25f : float.PositiveInfinity,
                CellClip = clipped ? 0.75f : float.PositiveInfinity,
                Scratch = scratch.Pointer,
            };
            for (int stage = 0; stage < s.Stages; stage++)
            {
                call.Sums = (float*)(stage % s.StagesOfStep == 0 ? sums : late).Pointer;
                for (int first = kernel.Portions(s, stage) - 1; first >= 0; first--) kernel.Run(call, stage, first, first + 1);
            }
        }
        return [.. output.Span<float>(), .. cell.Span<float>()];
    }

    /// <summary>Weights whose blocks of 8 × 4 are mostly 0 with every second seed, and the shape that says so.</summary>
    private static (RecurrentCellShape Shape, float[] Weights) WithZeros(RecurrentCellShape s, int seed)
    {
        Random random = new(1000 + seed);
        int rows = s.Directions * s.Gates * s.Hidden;
        float[] weights = Draw(random, rows * s.Depth, 1.5f / MathF.Sqrt(Math.Max(s.Depth, 1)));
        bool[] isZero = [.. Enumerable.Range(0, (rows / 8 + 1) * (s.Depth / 4 + 1)).Select(_ => random.Next(4) > 0)];
        for (int i = 0; i < weights.Length && seed % 4 < 2; i++)
            if (isZero[i / s.Depth / 8 * (s.Depth / 4 + 1) + i % s.Depth / 4]) weights[i] = 0;
        return (s with { Units = s.Rank == 0 ? WeightUnits.Of<float>(weights, rows) : null }, weights);
    }

    [Fact]
    public void ManyZerosChooseASparseKernel()
    {
        RecurrentCellShape shape = new(RecurrentCell.Lstm, 1, 1, 128, 128, 0);
        float[] thin = [.. Enumerable.Range(0, 4 * 128 * 128).Select(i => i / 4 % 32 % 6 == 0 ? 1f : 0)];
        foreach (CpuFeatures cpu in (CpuFeatures[])[CpuFeatures.Parse("avx2"), CpuFeatures.Parse("neon")])
        {
            Assert.DoesNotContain("sparse", KernelCatalog.SelectRecurrent(shape, cpu).Kernel.Descriptor.Id, StringComparison.Ordinal);
            Assert.Contains("sparse", KernelCatalog.SelectRecurrent(shape with { Units = WeightUnits.Of<float>(thin, 512) }, cpu).Kernel.Descriptor.Id, StringComparison.Ordinal);
        }
    }

    private static float[] Draw(Random random, int count, float reach)
    {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) values[i] = (random.NextSingle() * 2 - 1) * reach;
        return values;
    }

    private static GuardedBuffer Guarded(float[] values, bool atEnd)
    {
        GuardedBuffer buffer = new(values.Length * sizeof(float), atEnd);
        values.CopyTo(buffer.Span<float>());
        return buffer;
    }
}
