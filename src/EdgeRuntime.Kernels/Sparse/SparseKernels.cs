using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels;

/// <summary>The sparse kernels of each instruction set, for units of one output channel and of four.</summary>
public static class SparseKernels
{
    /// <summary>Float.</summary>
    public static IReadOnlyList<ConvolutionFloat32Kernel> Float32 { get; } =
    [
        .. Convolutions<Avx2Float, Vector256<float>, SparseFloat32Avx2>(),
        .. Convolutions<NeonFloat, Vector128<float>, SparseFloat32Neon>(),
        new ConvolutionFloat32SparseRow<Avx2Float, Vector256<float>>("avx2", CpuFeature.Avx2, 1, 2.2),
        new ConvolutionFloat32SparseRow<Avx2Float, Vector256<float>>("avx2", CpuFeature.Avx2, 8, 1.75),
        new ConvolutionFloat32SparseRow<NeonFloat, Vector128<float>>("neon", CpuFeature.Neon, 1, 3),
        new ConvolutionFloat32SparseRow<NeonFloat, Vector128<float>>("neon", CpuFeature.Neon, 4, 3.5),
    ];

    /// <summary>Int8.</summary>
    public static IReadOnlyList<ConvolutionInt8Kernel> Int8 { get; } =
    [
        .. Int8X86<Int8DotAvx2>(),
        .. Int8X86<Int8DotAvxVnni<AvxVnniInstruction>>(),
        new ConvolutionInt8SparseVnni<N1>(),
        new ConvolutionInt8SparseVnni<N4>(),
        new ConvolutionInt8SparseRow(),
        new ConvolutionInt8Sparse<SparseInt8Neon, N1>(),
        new ConvolutionInt8Sparse<SparseInt8Neon, N4>(),
        new ConvolutionInt8Sparse<SparseInt8NeonDot, N1>(),
        new ConvolutionInt8Sparse<SparseInt8NeonDot, N4>(),
    ];

    private static IReadOnlyList<ConvolutionFloat32Kernel> Convolutions<S, V, T>() where S : struct, IFloatVector<V> where V : unmanaged where T : struct, ISparseFloat32 =>
    [
        new ConvolutionFloat32Sparse<SparseFloat32<S, V, T>, V, N1>(),
        new ConvolutionFloat32Sparse<SparseFloat32<S, V, T>, V, N4>(),
    ];

    /// <summary>Int8 with any multiplication of 256 bits.</summary>
    public static IReadOnlyList<ConvolutionInt8Kernel> Int8X86<TDot>() where TDot : struct, IInt8Dot<Vector256<int>> =>
    [
        new ConvolutionInt8Sparse<SparseInt8X86<TDot>, N1>(),
        new ConvolutionInt8Sparse<SparseInt8X86<TDot>, N4>(),
    ];
}
