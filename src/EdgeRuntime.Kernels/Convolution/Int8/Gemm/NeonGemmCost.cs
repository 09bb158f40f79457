namespace EdgeRuntime.Kernels;

/// <summary>Cycles of the int8 GEMM kernels on the cores they are for.</summary>
internal static class NeonGemmCost
{
    /// <summary>SDOT: 32 products per cycle (two instructions of 16) on a Cortex-A76.</summary>
    public static double Dot(in ConvolutionShape shape) => Tiles(shape, 4, 16, 6, 32, 60, 8);

    /// <summary>SMULL and SMLAL: 8 products per cycle on a Cortex-A72.</summary>
    public static double Widening(in ConvolutionShape shape) => Tiles(shape, 8, 16, 2, 8, 40, 8);

    /// <summary>EOR and SADALP: 16 products per cycle on a Cortex-A72.</summary>
    public static double Signs(in ConvolutionShape shape) => Tiles(shape, 16, 4, 4, 16, 60, 1);

    private static double Tiles(in ConvolutionShape shape, int kr, int nr, int mr, int productsPerCycle, int tileCycles, int weightBits)
    {
        GemmGeometry g = new(shape, kr, nr, 1);
        // A single row has a tile of its own.
        int height = g.Rows == 1 ? 1 : mr;
        double tiles = (double)g.Groups * g.Panels * g.RowBlocks * ((Math.Min(g.BlockRows, g.Rows) + height - 1) / height);
        double copied = (g.IsCopied ? (double)g.CopyRows * g.ImageWidth * shape.Channels / 8 : 0) + (g.IsGathered ? (double)g.Groups * g.Rows * (20 + g.Depth / 4.0) : 0);
        double products = tiles * (tileCycles + (double)g.Depth * height * nr / productsPerCycle), weights = (double)g.Groups * g.Panels * nr * g.Depth * weightBits / 8;
        return WeightReading.Arm64.Cycles(products, weights) + copied + 200;
    }
}
