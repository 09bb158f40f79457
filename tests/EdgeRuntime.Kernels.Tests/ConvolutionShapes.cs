namespace EdgeRuntime.Kernels.Tests;

/// <summary>Shapes around the edges of tiles, and those of real networks. Float and integer convolutions share them.</summary>
internal static class ConvolutionShapes
{
    public static IEnumerable<ConvolutionShape> Dense()
    {
        foreach (int m in (int[])[1, 2, 3, 5, 6, 7, 12, 13])
            foreach (int k in (int[])[1, 2, 3, 4, 5, 8, 17, 64])
                foreach (int n in (int[])[1, 3, 8, 15, 16, 17, 33, 64, 65, 130]) yield return ConvolutionShape.FullyConnected(m, k, n);
        yield return ConvolutionShape.FullyConnected(1, 640, 128);
        yield return ConvolutionShape.FullyConnected(1, 1280, 101);
        yield return ConvolutionShape.FullyConnected(49, 1024, 70);
        yield return ConvolutionShape.FullyConnected(6, 4112, 10);
        yield return ConvolutionShape.FullyConnected(13, 124, 40);
        yield return ConvolutionShape.FullyConnected(16, 172, 48);
        yield return ConvolutionShape.FullyConnected(1, 2064, 1040);
        foreach (int c in (int[])[1, 2, 3, 5, 8, 17, 32])
            foreach (int o in (int[])[1, 5, 16, 24, 48, 70])
            {
                yield return Square(9, 7, c, o, 3, 1, 1);
                yield return Square(9, 8, c, o, 3, 2, 1);
                yield return Square(6, 5, c, o, 1, 2, 0);
                yield return Square(7, 6, c, o, 2, 1, 0);
                yield return new(2, 8, 6, c, o, 3, 2, 1, 2, 2, 1, 1, 2, 3, 0, 1);
                yield return new(1, 10, 9, c, o, 3, 3, 1, 1, 2, 3, 2, 3, 2, 3, 1);
                yield return new(1, 12, 1, c, o, 5, 1, 1, 1, 1, 1, 2, 0, 2, 0, 1);
            }
        foreach (int c in (int[])[4, 12])
            yield return new(1, 6, 7, c, 2 * c, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, c / 2);
        yield return new(2, 5, 5, 40, 72, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 2);
        yield return new(1, 49, 10, 1, 64, 10, 4, 2, 2, 1, 1, 4, 1, 5, 1, 1);
        yield return new(1, 32, 32, 16, 32, 3, 3, 2, 2, 1, 1, 0, 0, 1, 1, 1);
        yield return Square(16, 16, 32, 32, 3, 1, 1);
        yield return Square(24, 38, 3, 8, 3, 2, 1);
        yield return Square(25, 5, 64, 64, 1, 1, 0);
        yield return Square(9, 13, 40, 24, 1, 2, 0);
        yield return ConvolutionShape.FullyConnected(0, 5, 20);
        yield return Square(6, 5, 8, 16, 3, 1, 1) with { Batch = 0 };
    }

    public static IEnumerable<ConvolutionShape> Depthwise()
    {
        foreach (int c in (int[])[2, 3, 5, 8, 16, 17, 31, 32, 40, 64, 65, 144])
        {
            foreach (int stride in (int[])[1, 2])
            {
                yield return Square(7, 6, c, c, 3, stride, 1) with { Group = c };
                yield return Square(9, 9, c, c, 5, stride, 2) with { Group = c };
                yield return new(1, 8, 7, c, c, 3, 3, stride, stride, 1, 1, 0, 0, 1, 1, c);
                yield return new(2, 12, 1, c, c, 5, 1, stride, 1, 1, 1, 0, 0, 0, 0, c);
            }
            yield return new(1, 15, 1, c, c, 15, 1, 1, 1, 1, 1, 0, 0, 0, 0, c);
            yield return new(1, 1, 20, c, c, 1, 4, 1, 1, 1, 1, 0, 1, 0, 2, c);
            yield return new(1, 9, 9, c, c, 3, 3, 1, 1, 2, 2, 2, 2, 2, 2, c);
            yield return new(1, 9, 8, c, c, 2, 4, 1, 3, 1, 1, 1, 0, 0, 2, c);
            yield return new(1, 5, 5, c, 2 * c, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, c);
        }
        yield return Square(25, 5, 64, 64, 3, 1, 1) with { Group = 64 };
        yield return Square(3, 3, 256, 256, 3, 1, 1) with { Group = 256 };
        yield return Square(7, 6, 16, 16, 3, 1, 1) with { Group = 16, Batch = 0 };
        // Rows of which few fit the nearest cache.
        foreach (int c in (int[])[8, 16])
            foreach (int stride in (int[])[1, 2, 1, 2]) yield return Square(24, 70, c, c, 3, stride, 1) with { Group = c };
    }

    private static ConvolutionShape Square(int height, int width, int channels, int outChannels, int kernel, int stride, int pad) =>
        new(1, height, width, channels, outChannels, kernel, kernel, stride, stride, 1, 1, pad, pad, pad, pad, 1);
}
