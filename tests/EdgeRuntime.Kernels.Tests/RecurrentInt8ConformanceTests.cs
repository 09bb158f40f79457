using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Xunit;

namespace EdgeRuntime.Kernels.Tests;

/// <summary>Every int8 recurrent kernel equals the reference bit for bit, in guarded memory, in any order of the portions.</summary>
public sealed unsafe class RecurrentInt8ConformanceTests
{
    private static IEnumerable<RecurrentInt8Kernel> Kernels => Vector256.IsHardwareAccelerated
        ? [.. RecurrentInt8Kernels.All.Skip(1), new RecurrentInt8<CellProductAvxVnni<EmulatedDot>, GateLanesAvx2, Vector256<short>>(),
            new RecurrentInt8<CellProductSparse<CellProductAvxVnni<EmulatedDot>, SlabAvxVnni<EmulatedDot>>, GateLanesAvx2, Vector256<short>>()]
        : RecurrentInt8Kernels.All.Skip(1);

    public static TheoryData<string, int> Cases()
    {
        TheoryData<string, int> data = [];
        foreach (var (i, kernel) in Kernels.Index())
            if (CpuFeatures.Detect().Has(i >= RecurrentInt8Kernels.All.Count - 1 ? CpuFeature.Avx2 : kernel.Descriptor.Requires)) data.Add(kernel.Descriptor.Id, i);
        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void EqualsTheReference(string id, int index)
    {
        RecurrentInt8Kernel kernel = Kernels.ElementAt(index);
        int seed = 0;
        foreach (RecurrentCellShape shape in RecurrentShapes.All())
            foreach (bool extreme in new[] { false, true })
            {
                seed++;
                Assert.True(Run(RecurrentInt8Kernels.All[0], shape, extreme, seed, 1).AsSpan().SequenceEqual(Run(kernel, shape, extreme, seed, 2)), $"{id} {shape} {(extreme ? "extreme" : "")}");
            }
    }

    [Fact]
    public void FunctionsKeepTheirBounds()
    {
        for (int x = short.MinValue; x <= short.MaxValue; x++)
        {
            double real = x / 4096.0;
            Assert.InRange(GateFunctions.Sigmoid(x) - 32768 / (1 + Math.Exp(-real)), -2, 2);
            Assert.InRange(GateFunctions.Sigmoid(x), 11, 32757);
            Assert.InRange(GateFunctions.Tanh(x) - 32768 * Math.Tanh(real), -4.5, 4.5);
            Assert.InRange(GateFunctions.Tanh(x), -32767, 32767);
        }
        Assert.Equal(0, GateFunctions.Tanh(0));
        Assert.Equal(16384, GateFunctions.Sigmoid(0));
    }

    /// <summary>Outputs, then states.</summary>
    private static byte[] Run(RecurrentInt8Kernel kernel, in RecurrentCellShape shape, bool extreme, int seed, int workers)
    {
        Random random = new(seed);
        RecurrentCellShape s = shape;
        bool atEnd = seed % 3 != 0;
        int rows = s.Directions * s.Gates * s.Hidden, states = s.Directions * s.Batch;
        RecurrentInt8Weights weights = new(Draw(random, rows * s.Inputs, extreme, -127), Draw(random, rows * s.Hidden, extreme, -127));
        if (seed % 2 == 0)
        {
            Thin(random, weights.Input, s.Inputs);
            Thin(random, weights.Recurrent, s.Hidden);
        }
        RecurrentInt8Parameters p = Parameters(random, s, extreme, seed);
        using GuardedBuffer input = Guarded(Draw(random, s.Steps * s.Batch * s.Inputs, extreme, -128), atEnd), hidden = Guarded(Draw(random, states * s.Hidden, extreme, -128), atEnd);
        using GuardedBuffer state = new(states * kernel.StateRow(s) * sizeof(short), atEnd), output = new(s.Steps * s.Batch * s.OutputRow, atEnd);
        for (int row = 0; row < states; row++)
            for (int u = 0; u < s.Hidden; u++) state.Span<short>()[row * kernel.StateRow(s) + u] = (short)(extreme ? random.Next(2) * 65535 - 32768 : random.Next(-32768, 32768));
        using GuardedBuffer packed = new((kernel.PackedBytes(s, weights) + 63) / 64 * 64, atEnd), scratch = new((kernel.ScratchBytes(s, workers) + 63) / 64 * 64, atEnd);
        scratch.Span<byte>().Fill(0x5A);
        kernel.Pack(s, p, weights, packed.Span<byte>()[..(int)kernel.PackedBytes(s, weights)]);
        int[] lengths = RecurrentShapes.Lengths(s, seed, random);
        fixed (int* steps = lengths)
        {
            RecurrentInt8Call call = p.Call(s);
            call.Packed = packed.Pointer;
            call.Lengths = lengths.Length == 0 ? null : steps;
            call.Input = (sbyte*)input.Pointer;
            call.Hidden = (sbyte*)hidden.Pointer;
            call.State = (short*)state.Pointer;
            call.Output = (sbyte*)output.Pointer;
            call.Scratch = scratch.Pointer;
            for (int stage = 0; stage <= s.Stages; stage++)
                for (int first = kernel.Portions(s, stage) - 1; first >= 0; first--) kernel.Run(call, stage, first, first + 1, first % workers);
        }
        List<byte> result = [.. output.Span<byte>()];
        for (int row = 0; row < states; row++) result.AddRange(MemoryMarshal.AsBytes(state.Span<short>().Slice(row * kernel.StateRow(s), s.Hidden)));
        return [.. result];
    }

    private static RecurrentInt8Parameters Parameters(Random random, in RecurrentCellShape s, bool extreme, int seed)
    {
        int rows = s.Directions * s.Gates * s.Hidden;
        int Zero() => extreme ? new[] { -128, 127, 0 }[random.Next(3)] : random.Next(-128, 128);
        double spread = Math.Sqrt(s.Inputs + s.Hidden) * 5000;
        // Extreme sums reach 257·255·127 < 2^23: shifts of up to 6 keep them below 2^30.
        return new RecurrentInt8Parameters
        {
            InputZeroPoint = Zero(),
            HiddenZeroPoint = Zero(),
            Bias = Ints(rows, () => random.Next(-20000, 20000)),
            RecurrentBias = Ints(rows, () => random.Next(-20000, 20000)),
            InputMultipliers = Ints(rows, Multiplier),
            RecurrentMultipliers = Ints(rows, Multiplier),
            InputShifts = Ints(rows, () => extreme ? random.Next(7) : 0),
            RecurrentShifts = Ints(rows, () => extreme ? random.Next(7) : 0),
            HiddenMultiplier = extreme ? random.Next() : random.Next(1 << 22, 1 << 25),
            CellExponent = -(seed % 16),
            GateClip = seed % 4 == 0 ? random.Next(1, 32768) : short.MaxValue,
            CellClip = seed % 5 == 0 ? random.Next(1, 32768) : short.MaxValue,
        };

        int Multiplier() => extreme ? random.Next(3) switch { 0 => 0, 1 => int.MaxValue, _ => random.Next() } : (int)(random.NextDouble() * 20000 / spread * int.MaxValue / 10);
    }

    /// <summary>Makes most blocks of 8 × 4 zero, as block pruning does, and the last rows altogether.</summary>
    private static void Thin(Random random, sbyte[] weights, int length)
    {
        for (int row = 0; row * length < weights.Length; row += 8)
            for (int k = 0; k < length; k += 4)
                for (int i = row * length + k; i < Math.Min(weights.Length, (row + 8) * length + k) && random.Next(5) > 0; i += length) weights.AsSpan(i, Math.Min(4, length - k)).Clear();
        if (length > 0) weights.AsSpan(weights.Length / 4 * 3).Clear();
    }

    [Fact]
    public void ManyZerosChooseASparseKernel()
    {
        RecurrentCellShape shape = new(RecurrentCell.Lstm, 1, 1, 128, 128, 0);
        sbyte[] dense = new sbyte[4 * 128 * 128], thin = new sbyte[dense.Length];
        Array.Fill(dense, (sbyte)1);
        for (int i = 0; i < thin.Length; i++) thin[i] = (sbyte)(i / 4 % 32 % 6 == 0 ? 1 : 0);
        foreach (CpuFeatures cpu in (CpuFeatures[])[CpuFeatures.Parse("avx2"), CpuFeatures.Parse("neon"), CpuFeatures.Parse("neondot")])
        {
            Assert.DoesNotContain("sparse", KernelCatalog.SelectRecurrent(shape, new(dense, dense), cpu).Kernel.Descriptor.Id, StringComparison.Ordinal);
            Assert.Contains("sparse", KernelCatalog.SelectRecurrent(shape, new(thin, thin), cpu).Kernel.Descriptor.Id, StringComparison.Ordinal);
        }
    }

    private static int[] Ints(int count, Func<int> next) => [.. Enumerable.Range(0, count).Select(_ => next())];

    private static sbyte[] Draw(Random random, int count, bool extreme, int least) =>
        [.. Enumerable.Range(0, count).Select(_ => (sbyte)(extreme ? random.Next(2) == 0 ? least : 127 : random.Next(least, 128)))];

    private static GuardedBuffer Guarded(sbyte[] values, bool atEnd)
    {
        GuardedBuffer buffer = new(values.Length, atEnd);
        values.CopyTo(buffer.Span<sbyte>());
        return buffer;
    }
}
