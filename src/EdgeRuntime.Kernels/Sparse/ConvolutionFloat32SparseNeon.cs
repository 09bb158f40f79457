using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels;

/// <summary><see cref="ConvolutionFloat32Sparse{S, V, TRows}"/> on 4 lanes: tiles of 16 positions.</summary>
/// <typeparam name="TRows">Output channels of a unit.</typeparam>
internal sealed unsafe class ConvolutionFloat32SparseNeon<TRows> : ConvolutionFloat32Sparse<NeonFloat, Vector128<float>, TRows> where TRows : struct, ICount
{
    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } = new($"conv-f32-sparse-neon-{TRows.Value}x1", "convolution-f32", CpuFeature.Neon,
        $"skips zero weights in units of {TRows.Value}×1 (output channels × depth), positions in the lanes; ungrouped, many zeros");

    /// <inheritdoc/>
    protected override int Vectors => 4;

    /// <inheritdoc/>
    protected override double UnitCycles(int vectors) => TRows.Value == 1 ? 3 + 1.4 * vectors : 4 + 4.2 * vectors;

    /// <inheritdoc/>
    protected override double OutputCycles => 5;

    /// <inheritdoc/>
    protected override void Transpose(float* x, float* y, nint stepX, nint stepY) => TransposeNeon.Block((uint*)x, (uint*)y, stepX, stepY);
}
