namespace EdgeRuntime.Kernels;

/// <summary>The matrix product in 32 registers of 4 floats, multiplying by element: tiles of 8 × 8.</summary>
internal sealed unsafe class ConvolutionFloat32GemmNeon : ConvolutionFloat32Gemm
{
    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } =
        new("conv-f32-gemm-neon-8x8", "convolution-f32", CpuFeature.Neon, "direct matrix product, FMLA by element, 8×8 tiles; dense convolutions");

    private protected override int Lanes => 4;

    internal override int PanelVectors => 2;

    internal override int TileRows(int vectors) => 8;

    private protected override double TileCycles(int rows, int vectors, int depth) => 15 + 3 * rows + depth * vectors * (rows == 1 ? 1.25 : rows);

    internal override void RunTiles(int rows, int vectors, in GemmFloat32Task task)
    {
        GemmFloat32Task tile = task;
        for (int n = task.Tiles; n > 0; n--, tile.Rows += rows, tile.Output += rows * tile.OutputStep)
            if (vectors == 1) GemmFloat32NeonTile.Run<N1>(rows, tile);
            else GemmFloat32NeonTile.Run<N2>(rows, tile);
    }
}
