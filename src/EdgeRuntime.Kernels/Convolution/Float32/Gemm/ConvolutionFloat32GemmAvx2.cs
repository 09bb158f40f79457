using System.Runtime.Intrinsics;
using Gemv = EdgeRuntime.Kernels.GemvFloat32Tile<EdgeRuntime.Kernels.Avx2Float, System.Runtime.Intrinsics.Vector256<float>>;
using Tile = EdgeRuntime.Kernels.GemmFloat32Tile<EdgeRuntime.Kernels.Avx2Float, System.Runtime.Intrinsics.Vector256<float>>;

namespace EdgeRuntime.Kernels;

/// <summary>The matrix product in 16 registers of 8 floats: tiles of 6 × 16 and, for a last single vector, 12 × 8.</summary>
internal sealed class ConvolutionFloat32GemmAvx2 : ConvolutionFloat32Gemm
{
    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } =
        new("conv-f32-gemm-avx2-6x16", "convolution-f32", CpuFeature.Avx2, "direct matrix product, 6×16 and 12×8 tiles; dense convolutions, and 8 or 24 columns on any processor");

    private protected override int Lanes => Vector256<float>.Count;

    internal override int PanelVectors => 2;

    internal override int TileRows(int vectors) => vectors == 1 ? 12 : 6;

    private protected override double TileCycles(int rows, int vectors, int depth) =>
        15 + 3 * rows + depth * Math.Max(rows == 1 ? 2.0 : 4.0, 0.5 * rows * vectors + 0.04 * rows);

    internal override void RunTiles(int rows, int vectors, in GemmFloat32Task task)
    {
        bool single = rows == 1 && task.OuterCount * task.InnerCount == 1;
        if (vectors == 1)
            if (single) Gemv.Run<N1>(task);
            else Tile.Tall<N1>(rows, task);
        else
            if (single) Gemv.Run<N2>(task);
            else Tile.Wide<N2>(rows, task);
    }
}
