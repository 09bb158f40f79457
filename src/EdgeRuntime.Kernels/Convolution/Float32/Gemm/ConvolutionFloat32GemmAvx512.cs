using System.Runtime.Intrinsics;
using Gemv = EdgeRuntime.Kernels.GemvFloat32Tile<EdgeRuntime.Kernels.Avx512Float, System.Runtime.Intrinsics.Vector512<float>>;
using Tile = EdgeRuntime.Kernels.GemmFloat32Tile<EdgeRuntime.Kernels.Avx512Float, System.Runtime.Intrinsics.Vector512<float>>;

namespace EdgeRuntime.Kernels;

/// <summary>The matrix product in 32 registers of 16 floats: tiles of 6 × 64 and 6 × 48, 12 × 32 and 12 × 16 for the last columns.</summary>
internal sealed class ConvolutionFloat32GemmAvx512 : ConvolutionFloat32Gemm
{
    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } =
        new("conv-f32-gemm-avx512-6x64", "convolution-f32", CpuFeature.Avx512, "direct matrix product, 6×64 to 12×16 tiles; dense convolutions of 16 and more columns");

    private protected override int Lanes => Vector512<float>.Count;

    internal override int PanelVectors => 4;

    internal override int TileRows(int vectors) => vectors < 3 ? 12 : 6;

    private protected override double TileCycles(int rows, int vectors, int depth) =>
        15 + 3 * rows + depth * Math.Max(4.0, rows * vectors + 0.1 * rows);

    internal override void RunTiles(int rows, int vectors, in GemmFloat32Task task)
    {
        bool single = rows == 1 && task.OuterCount * task.InnerCount == 1;
        switch (vectors)
        {
            case 1 when single: Gemv.Run<N1>(task); break;
            case 1: Tile.Tall<N1>(rows, task); break;
            case 2 when single: Gemv.Run<N2>(task); break;
            case 2: Tile.Tall<N2>(rows, task); break;
            case 3 when single: Gemv.Run<N3>(task); break;
            case 3: Tile.Wide<N3>(rows, task); break;
            default:
                if (single) Gemv.Run<N4>(task);
                else Tile.Wide<N4>(rows, task);
                break;
        }
    }
}
