using Xunit;

namespace EdgeRuntime.Kernels.Tests;

/// <summary>Every binary convolution kernel equals the reference bit for bit, on every shape, for every output, in any division of the work.</summary>
public sealed class ConvolutionBinaryConformanceTests
{
    private static readonly ConvolutionBinaryReference Reference = new();

    public static TheoryData<string, BinaryOutput> Cases()
    {
        TheoryData<string, BinaryOutput> data = [];
        CpuFeatures cpu = CpuFeatures.Detect();
        foreach (ConvolutionBinaryKernel kernel in ConvolutionBinaryKernels.All)
            if (cpu.Has(kernel.Descriptor.Requires) && kernel is not ConvolutionBinaryReference)
                foreach (BinaryOutput output in Enum.GetValues<BinaryOutput>()) data.Add(kernel.Descriptor.Id, output);
        return data;
    }

    // Beside the usual shapes: channels at the edges of words, more than 31 steps of 128 bits, aligned groups.
    private static IEnumerable<ConvolutionShape> Shapes() => ConvolutionShapes.Dense().Concat([
        ConvolutionShape.FullyConnected(0, 8, 8), ConvolutionShape.FullyConnected(1, 4096, 130), ConvolutionShape.FullyConnected(5, 9000, 66), ConvolutionShape.FullyConnected(2, 65535, 3),
        .. from c in (int[])[31, 33, 63, 64, 65, 127, 128, 129, 200] from o in (int[])[1, 63, 64, 65, 129]
           select new ConvolutionShape(1, 6, 5, c, o, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1),
        new(1, 3, 3, 256, 192, 7, 7, 2, 2, 1, 1, 3, 3, 3, 3, 1), new(1, 2, 2, 64, 64, 5, 5, 1, 1, 1, 1, 4, 4, 4, 4, 1), new(1, 9, 9, 64, 64, 3, 3, 1, 1, 3, 3, 3, 3, 3, 3, 1),
        new(2, 6, 7, 128, 128, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 2), new(1, 6, 7, 192, 30, 3, 3, 2, 1, 1, 1, 1, 1, 0, 1, 3), new(1, 14, 14, 256, 256, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1)]);

    [Theory]
    [MemberData(nameof(Cases))]
    public void EqualsTheReference(string id, BinaryOutput output)
    {
        ConvolutionBinaryKernel kernel = ConvolutionBinaryKernels.All.First(k => k.Descriptor.Id == id);
        int seed = 0;
        foreach (ConvolutionShape shape in Shapes())
        {
            if (!kernel.Supports(shape, output)) continue;
            ConvolutionBinaryCase test = new(shape, output, ++seed);
            byte[] expected = test.Run(Reference, true, 1, 0), actual = test.Run(kernel, seed % 2 == 0, 1 + seed % 3, seed);
            int wrong = expected.AsSpan().CommonPrefixLength(actual);
            Assert.True(wrong == expected.Length, $"{id}, {output}, {shape}, seed {seed}: byte {wrong} of {expected.Length} is {actual.ElementAtOrDefault(wrong)}, not {expected.ElementAtOrDefault(wrong)}");
        }
        Assert.True(seed > 500);
    }

    [Fact]
    public void TheReferenceCountsAsSignsMultiply()
    {
        ConvolutionShape shape = new(1, 3, 4, 67, 5, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1);
        ConvolutionBinaryCase test = new(shape, BinaryOutput.Float32, 9);
        float[] actual = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(test.Run(Reference, true, 1, 0)).ToArray();
        for (int i = 0; i < actual.Length; i++)
        {
            int o = i % 5, x = i / 5 % 4, y = i / 20, sum = 0;
            for (int t = 0; t < 9 * 67; t++)
            {
                int c = t % 67, kx = t / 67 % 3 + x - 1, ky = t / 67 / 3 + y - 1;
                if (kx is >= 0 and < 4 && ky is >= 0 and < 3) sum += test.InputSign((ky * 4 + kx) * 67 + c) * test.WeightSign(o * 9 * 67 + t);
            }
            Assert.Equal(Math.Clamp(sum * test.Parameters.Scales[o] + test.Parameters.Offsets[o], test.Min, test.Max), actual[i]);
        }
    }

    [Fact]
    public void CatalogFindsAKernelForEveryFeatureSet()
    {
        foreach (string list in (string[])["portable", "avx2", "avx2,avx512", "neon", "neon,neondot"])
            foreach (ConvolutionShape shape in ConvolutionShapes.Depthwise().Append(ConvolutionShape.FullyConnected(1, 64, 64)))
                Assert.True(CpuFeatures.Parse(list).Has(KernelCatalog.Select(shape, BinaryOutput.Binary, CpuFeatures.Parse(list)).Kernel.Descriptor.Requires));
    }
}
