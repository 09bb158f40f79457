using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels;

/// <summary>(x + 128) · w by VPDPBUSD.</summary>
public readonly unsafe struct Int8GemvAvxVnni<TInstruction> : IInt8Gemv where TInstruction : struct, IDotUnsignedSigned
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
    public static bool HasShortSums => false;

    /// <inheritdoc/>
    public static int StepBytes => 4;

    /// <inheritdoc/>
    public static int Prepare(sbyte* x, byte* to, int count)
    {
        Int8Widening.ToUnsigned(x, to, count);
        for (; count % 4 != 0; count++) to[count] = 0;
        return 0;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector256<byte> Factor, Vector256<sbyte> Mask) Load(byte* x) => (Vector256.Create(*(int*)x).AsByte(), default);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> MultiplyAdd(Vector256<int> sum, Vector256<byte> factor, Vector256<sbyte> mask, sbyte* weights) =>
        TInstruction.MultiplyAdd(sum, factor, Vector256.Load(weights));
}
