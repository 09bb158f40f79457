using System.Runtime.Intrinsics;
using Xunit;

namespace EdgeRuntime.Kernels.Tests;

/// <summary>Every int8 convolution kernel equals the reference bit for bit, on every shape, in any division of the work.</summary>
public sealed class ConvolutionInt8ConformanceTests
{
    private static readonly ConvolutionInt8Reference Reference = new();

    /// <summary>What the reference gives for a seed, with zeros added or not: the same for every kernel.</summary>
    private static readonly Dictionary<(int Seed, bool HasZeros), sbyte[]> Expected = [];

    // Kernels whose only unverifiable part on this processor is one instruction run on its emulation too.
    private static IEnumerable<ConvolutionInt8Kernel> Kernels => Vector256.IsHardwareAccelerated
        ? [.. ConvolutionInt8Kernels.All, new ConvolutionInt8Gemm<Int8DotAvxVnni<EmulatedDot>, Vector256<int>>(), new ConvolutionInt8Gemv<Int8GemvAvxVnni<EmulatedDot>>(),
            new ConvolutionInt4Gemm<Int4DotAvxVnni<EmulatedDot>, Vector256<int>>(),
            .. SparseKernels.Int8X86<Int8DotAvxVnni<EmulatedDot>>()]
        : ConvolutionInt8Kernels.All;

    public static TheoryData<string, int> Cases()
    {
        TheoryData<string, int> data = [];
        CpuFeatures cpu = CpuFeatures.Detect();
        int i = 0;
        foreach (ConvolutionInt8Kernel kernel in Kernels)
        {
            bool emulated = i++ >= ConvolutionInt8Kernels.All.Count;
            if (emulated ? cpu.Has(CpuFeature.AvxVnni) : !cpu.Has(kernel.Descriptor.Requires) || kernel is ConvolutionInt8Reference) continue;
            if (ChosenKernels.IsNamed(kernel.Descriptor)) data.Add(kernel.Descriptor.Id + (emulated ? " emulated" : ""), i - 1);
        }
        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void EqualsTheReference(string id, int index)
    {
        ConvolutionInt8Kernel kernel = Kernels.ElementAt(index);
        int seed = 0, supported = 0;
        foreach (ConvolutionShape shape in ConvolutionShapes.Dense().Concat(ConvolutionShapes.Depthwise()))
        {
            // Small shapes get every draw; large ones one each, in turn.
            Draw[] draws = shape.MultiplyAccumulates < 20_000 ? Enum.GetValues<Draw>() : [(Draw)(seed % Enum.GetValues<Draw>().Length)];
            foreach (Draw draw in draws)
            {
                ConvolutionInt8Case test = new(shape, draw, ++seed);
                bool hasZeros = !kernel.Supports(shape, test.Parameters);
                if (hasZeros) test.AddZeros(seed);
                if (!kernel.Supports(test.Shape, test.Parameters)) continue;
                supported++;
                if (!Expected.TryGetValue((seed, hasZeros), out sbyte[]? expected)) Expected.Add((seed, hasZeros), expected = test.Run(Reference, true, 1, 0));
                sbyte[] actual = test.Run(kernel, seed % 2 == 0, 1 + seed % 3, seed);
                int wrong = expected.AsSpan().CommonPrefixLength(actual);
                Assert.True(wrong == expected.Length, $"{id}, {shape}, {draw}, seed {seed}: output {wrong} is {actual.ElementAtOrDefault(wrong)}, not {expected.ElementAtOrDefault(wrong)}");
            }
        }
        Assert.True(supported > 0, $"{id} supports none of the shapes");
    }

    [Fact]
    public void CatalogFindsAKernelForEveryFeatureSet()
    {
        CpuFeatures detected = CpuFeatures.Detect();
        foreach (string list in (string[])["portable", "avx2", "avx2,avxvnni", "avx2,avx512", "avx2,avx512,avx512vbmi", "avx2,avx512vnni", "neon", "neon,neondot"])
            foreach (ConvolutionShape shape in ConvolutionShapes.Depthwise().Append(ConvolutionShape.FullyConnected(1, 64, 64)))
            {
                CpuFeatures cpu = CpuFeatures.Parse(list);
                ConvolutionInt8Case test = new(shape, Draw.Asymmetric, 1);
                ConvolutionInt8Kernel kernel = KernelCatalog.Select(shape, test.Parameters, cpu).Kernel;
                Assert.True(cpu.Has(kernel.Descriptor.Requires));
                if (detected.Has(kernel.Descriptor.Requires)) Assert.Equal(test.Run(Reference, true, 1, 0), test.Run(kernel, true, 2, 1));
            }
    }
}
