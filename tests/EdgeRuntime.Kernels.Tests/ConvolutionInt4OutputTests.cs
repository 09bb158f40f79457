using System.Runtime.Intrinsics;
using Xunit;

namespace EdgeRuntime.Kernels.Tests;

/// <summary>The results of kernels that are no int8 layers: sums and floats, of 4-bit and 8-bit weights.</summary>
public sealed class ConvolutionInt4OutputTests
{
    private static IEnumerable<ConvolutionInt4Kernel> Kernels
    {
        get
        {
            CpuFeatures cpu = CpuFeatures.Detect();
            foreach (ConvolutionInt4Kernel kernel in ConvolutionInt4Kernels.All)
                if (cpu.Has(kernel.Descriptor.Requires)) yield return kernel;
            if (Vector256.IsHardwareAccelerated) yield return new ConvolutionInt4Gemm<Int4DotAvxVnni<EmulatedDot>, Vector256<int>>();
        }
    }

    [Theory]
    [InlineData(Draw.Random)]
    [InlineData(Draw.Extreme)]
    [InlineData(Draw.Nibbles)]
    [InlineData(Draw.Grouped)]
    public void SumsAreExact(Draw draw)
    {
        int seed = 0;
        foreach (int m in (int[])[0, 1, 2, 5])
            foreach (int k in (int[])[1, 31, 32, 40, 96])
                foreach (int n in (int[])[1, 31, 32, 33, 70])
                {
                    ConvolutionInt8Case test = new(ConvolutionShape.FullyConnected(m, k, n), draw, 2 * ++seed);
                    foreach (ConvolutionInt4Kernel kernel in Kernels)
                    {
                        if (!kernel.SupportsDynamic(test.Shape, test.Parameters)) continue;
                        int[] expected = test.Sums();
                        Assert.Equal(expected, test.RunSums(kernel, false));
                        Assert.Equal(Array.ConvertAll(expected, s => s + 7), test.RunSums(kernel, true));
                    }
                }
    }

    /// <summary>Up to the longest rows that kernels take whose sums are 16 times too large on their way.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void SumsOfLongRowsAreExact(int more)
    {
        for (int seed = 0; seed < 4; seed++)
        {
            ConvolutionInt8Case test = new(ConvolutionShape.FullyConnected(1, Int4VnniTile.MostDepth + more, 2), Draw.Nibbles, seed);
            foreach (ConvolutionInt4Kernel kernel in Kernels.Where(k => k.SupportsDynamic(test.Shape, test.Parameters))) Assert.Equal(test.Sums(), test.RunSums(kernel, false));
        }
    }

    [Theory]
    [InlineData(Draw.Random)]
    [InlineData(Draw.Grouped)]
    public void FloatsAreTheSameEverywhere(Draw draw)
    {
        CpuFeatures cpu = CpuFeatures.Detect();
        ConvolutionShape pair = ConvolutionShape.FullyConnected(2, 14, 74) with { Group = 2 };
        foreach (ConvolutionShape shape in (ConvolutionShape[])[ConvolutionShape.FullyConnected(3, 64, 40), ConvolutionShape.FullyConnected(1, 1, 1), ConvolutionShape.FullyConnected(0, 3, 2),
            ConvolutionShape.FullyConnected(27, 33, 150), pair, new(1, 7, 6, 32, 24, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1)])
        {
            ConvolutionInt8Case test = new(shape, draw, 4);
            float[] expected = test.RunFloats(ConvolutionInt4Kernels.All[0], -3);
            if (expected.Length > 100) Assert.Contains(-3f, expected);
            foreach (IDynamicKernel kernel in DynamicKernels.All.Where(k => cpu.Has(k.Descriptor.Requires)).Concat(Kernels)
                .Concat(Vector256.IsHardwareAccelerated ? [new ConvolutionDynamic<CellProductAvxVnni<EmulatedDot>>()] : []).Where(k => k.SupportsDynamic(shape, test.Parameters)))
                Assert.Equal(expected, test.RunFloats(kernel, -3));
        }
    }
}
