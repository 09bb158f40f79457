using System.Runtime.InteropServices;
using Xunit;

namespace EdgeRuntime.Kernels.Tests;

/// <summary>Bands of a layer use the weights that were packed for the whole: what that relies on holds for every kernel.</summary>
public sealed class PackingTests
{
    [Fact]
    public void ShapesOfEqualPackingShareInt8Weights()
    {
        foreach (ConvolutionInt8Kernel kernel in ConvolutionInt8Kernels.All)
            foreach ((ConvolutionShape shape, ConvolutionShape band) in Pairs())
            {
                ConvolutionInt8Parameters parameters = new ConvolutionInt8Case(shape, Draw.Random, 1).Parameters;
                if (!kernel.Supports(shape, parameters)) continue;
                sbyte[] weights = new sbyte[shape.OutChannels * shape.Depth];
                new Random(1).NextBytes(MemoryMarshal.AsBytes<sbyte>(weights));
                byte[] whole = new byte[kernel.PackedBytes(shape, parameters)], part = new byte[kernel.PackedBytes(band, parameters)];
                kernel.Pack(shape, parameters, weights, whole);
                kernel.Pack(band, parameters, weights, part);
                Assert.True(kernel.Supports(band, parameters) && whole.AsSpan().SequenceEqual(part), $"{kernel.Descriptor.Id}: {shape} and {band}");
            }
    }

    [Fact]
    public void ShapesOfEqualPackingShareFloatWeights()
    {
        foreach (ConvolutionFloat32Kernel kernel in ConvolutionFloat32Kernels.All)
            foreach ((ConvolutionShape shape, ConvolutionShape band) in Pairs())
            {
                if (!kernel.Supports(shape)) continue;
                Random random = new(1);
                float[] weights = [.. Enumerable.Range(0, shape.OutChannels * shape.Depth).Select(_ => random.NextSingle())];
                byte[] whole = new byte[kernel.PackedBytes(shape)], part = new byte[kernel.PackedBytes(band)];
                kernel.Pack(shape, weights, [], whole);
                kernel.Pack(band, weights, [], part);
                Assert.True(kernel.Supports(band) && whole.AsSpan().SequenceEqual(part), $"{kernel.Descriptor.Id}: {shape} and {band}");
            }
    }

    private static IEnumerable<(ConvolutionShape Shape, ConvolutionShape Band)> Pairs()
    {
        foreach (ConvolutionShape shape in ConvolutionShapes.Dense().Concat(ConvolutionShapes.Depthwise()).Where(s => s.Depth * s.OutChannels < 40_000))
        {
            int span = (shape.KernelHeight - 1) * shape.DilationY + 1;
            ConvolutionShape[] bands = [shape with { Batch = 1, Height = span, PadTop = 0, PadBottom = 0 }, shape with { Batch = 1, Height = span + 3 },
                shape with { Batch = 1, Height = span + 1, PadTop = 0 }, ConvolutionShape.FullyConnected(5, shape.Channels, shape.OutChannels)];
            foreach (ConvolutionShape band in bands)
                if (band.Packing() == shape.Packing()) yield return (shape, band);
        }
    }
}
