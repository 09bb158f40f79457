using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRuntime.Kernels;

/// <summary>Two taps of 16 channels of a depthwise window as AVX2 multiplies them.</summary>
internal static unsafe class InterleavedTaps
{
    /// <summary>Interleaves two taps of 16 channels as pairs of int16, for VPMADDWD, within 128-bit lanes: to convert loads and not what is interleaved saves two of six micro-operations.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Interleave(sbyte* a, sbyte* b, int* to)
    {
        Vector256<short> first = Avx2.ConvertToVector256Int16(a), second = Avx2.ConvertToVector256Int16(b);
        Avx2.UnpackLow(first, second).AsInt32().Store(to);
        Avx2.UnpackHigh(first, second).AsInt32().Store(to + 8);
    }

    /// <summary>The lane, of two vectors of 8, of the <paramref name="channel"/>-th of 16 interleaved channels; the same the other way round.</summary>
    public static int Lane(int channel) => channel & ~12 | (channel & 4) << 1 | (channel & 8) >> 1;
}
