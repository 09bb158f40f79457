using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels;

/// <summary><see cref="ConvolutionFloat32Sparse{S, V, TRows}"/> on 8 lanes: tiles of 32 positions, or of 16 for four channels.</summary>
/// <typeparam name="TRows">Output channels of a unit.</typeparam>
internal sealed unsafe class ConvolutionFloat32SparseAvx2<TRows> : ConvolutionFloat32Sparse<Avx2Float, Vector256<float>, TRows> where TRows : struct, ICount
{
    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } = new($"conv-f32-sparse-avx2-{TRows.Value}x1", "convolution-f32", CpuFeature.Avx2,
        $"skips zero weights in units of {TRows.Value}×1 (output channels × depth), positions in the lanes; ungrouped, many zeros");

    /// <inheritdoc/>
    protected override int Vectors => TRows.Value == 1 ? 4 : 2;

    /// <inheritdoc/>
    protected override double UnitCycles(int vectors) => TRows.Value == 1 ? Math.Max(2.5, 0.9 + 0.65 * vectors) : vectors == 1 ? 7 : 4.6;

    // Four products hide a load from the second-level cache.
    /// <inheritdoc/>
    protected override double FarFactor => TRows.Value == 1 ? 1.5 : 1.1;

    /// <inheritdoc/>
    protected override double OutputCycles => 2;

    /// <inheritdoc/>
    protected override void Transpose(float* x, float* y, nint stepX, nint stepY) => TransposeAvx2.Block(x, y, stepX, stepY);
}
