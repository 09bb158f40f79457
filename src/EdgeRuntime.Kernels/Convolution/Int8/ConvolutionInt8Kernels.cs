using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels;

/// <summary>The list of int8 convolution kernels. A new kernel is one line here.</summary>
public static class ConvolutionInt8Kernels
{
    /// <summary>All kernels; which one runs is decided by <see cref="KernelCatalog"/>.</summary>
    public static IReadOnlyList<ConvolutionInt8Kernel> All { get; } =
    [
        new ConvolutionInt8Reference(),
        new ConvolutionInt8NeonWideningGemm(),
        new ConvolutionInt8NeonDotGemm(),
        new ConvolutionInt8SignsNeon(),
        new ConvolutionInt8NeonDepthwise(),
        new ConvolutionInt8NeonDotDepthwise(),
        new ConvolutionInt8FusedGemm(),
        new ConvolutionInt8SignsAvx2(),
        new ConvolutionInt8Gemm<Int8DotAvxVnni<AvxVnniInstruction>, Vector256<int>>(),
        new ConvolutionInt8Gemm<Int8DotAvx512, Vector512<int>>(),
        new ConvolutionInt8Gemm<Int8DotAvx512Vl, Vector256<int>>(),
        new ConvolutionInt8VnniGemm(),
        new ConvolutionInt8PairedGemm<Int8DotAvx2, Vector256<int>>(),
        new ConvolutionInt8PairedGemm<Int8DotAvx512, Vector512<int>>(),
        new ConvolutionInt8Gemv<Int8GemvAvx2>(),
        new ConvolutionInt8Gemv<Int8GemvAvxVnni<AvxVnniInstruction>>(),
        new ConvolutionInt8Runs(),
        new ConvolutionInt8Winograd<Int8DotAvx2, Vector256<int>>(),
        new ConvolutionInt8Winograd<Int8DotAvx512, Vector512<int>>(),
        new ConvolutionInt8Depthwise3x3(),
        new ConvolutionInt8Depthwise1D(),
        new ConvolutionInt8Depthwise<Int16PairsAvx2, Vector256<int>>(),
        new ConvolutionInt8Depthwise<Int16PairsAvx512, Vector512<int>>(),
        .. ConvolutionInt4Kernels.All,
        .. SparseKernels.Int8,
    ];
}
