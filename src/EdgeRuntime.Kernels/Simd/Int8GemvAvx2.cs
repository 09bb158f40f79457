using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels;

/// <summary>Magnitudes times weights of the element's sign, by VPMADDUBSW: see <see cref="Int8SignMagnitude"/>.</summary>
public readonly unsafe struct Int8GemvAvx2 : IInt8Gemv
{
    /// <inheritdoc/>
    public static string Name => "avx2";

    /// <inheritdoc/>
    public static CpuFeature Requires => CpuFeature.Avx2;

    /// <inheritdoc/>
    public static double WeightsPerCycle => 25;

    /// <inheritdoc/>
    public static int InputOffset => 0;

    /// <inheritdoc/>
    public static bool HasShortSums => true;

    /// <inheritdoc/>
    public static int StepBytes => Int8SignMagnitude.StepBytes;

    /// <inheritdoc/>
    public static int Prepare(sbyte* x, byte* to, int count) => Int8SignMagnitude.Split(x, to, count);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector256<byte> Factor, Vector256<sbyte> Mask) Load(byte* x) => (Vector256.Create(*(int*)x).AsByte(), Vector256.Create(*(int*)(x + 4)).AsSByte());

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> MultiplyAdd(Vector256<int> sum, Vector256<byte> factor, Vector256<sbyte> mask, sbyte* weights) =>
        Int8SignMagnitude.MultiplyAdd(sum, factor, mask, weights);
}
