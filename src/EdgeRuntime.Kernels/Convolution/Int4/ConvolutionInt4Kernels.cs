using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels;

/// <summary>The list of kernels with nibble weights; they compete among the int8 convolutions, too.</summary>
public static class ConvolutionInt4Kernels
{
    /// <summary>All kernels.</summary>
    public static IReadOnlyList<ConvolutionInt4Kernel> All { get; } =
    [
        new ConvolutionInt4Reference(),
        new ConvolutionInt4Neon(),
        new ConvolutionInt4Gemm<Int4DotNeonDot, Vector128<int>>(),
        new ConvolutionInt4Gemm<Int4DotAvx2, Vector256<int>>(),
        new ConvolutionInt4Gemm<Int4DotAvxVnni<AvxVnniInstruction>, Vector256<int>>(),
        new ConvolutionInt4VnniGemm(),
    ];
}
