using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels;

/// <summary>(x + 128) · w by VPDPBUSD.</summary>
public readonly struct Int8GemvAvxVnni<TInstruction> : IInt8Gemv where TInstruction : struct, IDotUnsignedSigned
{
    /// <inheritdoc/>
    public static string Name => "avxvnni";

    /// <inheritdoc/>
    public static CpuFeature Requires => CpuFeature.Avx2 | CpuFeature.AvxVnni;

    /// <inheritdoc/>
    public static double WeightsPerCycle => 32;

    /// <inheritdoc/>
    public static int InputOffset => 128;

    /// <inheritdoc/>
    public static bool IsWideForMinimum => false;

    /// <inheritdoc/>
    public static bool HasShortSums => false;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Unsigned(Vector256<sbyte> x) => x.AsByte() ^ Vector256.Create((byte)128);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> MultiplyAdd(Vector256<int> sum, Vector256<sbyte> x, Vector256<byte> u, Vector256<sbyte> w) => TInstruction.MultiplyAdd(sum, u, w);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> MultiplyAddWide(Vector256<int> sum, Vector256<sbyte> x, Vector256<byte> u, Vector256<sbyte> w) => TInstruction.MultiplyAdd(sum, u, w);
}
