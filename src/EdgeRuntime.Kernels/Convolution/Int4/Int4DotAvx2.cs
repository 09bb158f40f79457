using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRuntime.Kernels;

/// <summary>
/// VPMADDUBSW into int16, and VPMADDWD by the group's multiplier every 32 elements. Exact: a pair of products is at most
/// 2 · 15 · 128, and though sums may wrap on their way, the 16 products that one int16 collects end within ±16 · 8 · 128.
/// </summary>
internal readonly unsafe struct Int4DotAvx2 : IInt4Dot<Vector256<int>>
{
    public static string Name => "avx2";

    public static CpuFeature Requires => CpuFeature.Avx2;

    public static (double PerCycle, double Finish) Cost(bool isRow) => isRow ? (28, 150) : (33, 75);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Load(void* source) => Vector256.Load((int*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Broadcast(void* source) => Vector256.Create(*(int*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Low(Vector256<int> bytes) => bytes & Vector256.Create(0x0F0F0F0F);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> High(Vector256<int> bytes) => bytes >>> 4 & Vector256.Create(0x0F0F0F0F);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> MultiplyAdd(Vector256<int> sum, Vector256<int> nibbles, Vector256<int> x) =>
        (sum.AsInt16() + Avx2.MultiplyAddAdjacent(nibbles.AsByte(), x.AsSByte())).AsInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Finish(Vector256<int> total, Vector256<int> sum, Vector256<int> multiplier) =>
        total + Avx2.MultiplyAddAdjacent(sum.AsInt16(), multiplier.AsInt16());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Multipliers(byte* source)
    {
        Vector256<byte> spread = Vector256.Create(0, 255, 0, 255, 1, 255, 1, 255, 2, 255, 2, 255, 3, 255, 3, 255, 4, 255, 4, 255, 5, 255, 5, 255, 6, 255, 6, 255, 7, 255, 7, (byte)255);
        return Avx2.Shuffle(Vector256.Create(*(long*)source).AsByte(), spread).AsInt32();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Multiplier(int value) => Vector256.Create((short)value).AsInt32();

    /// <summary>Two int16: the first and the second pair of every 4 elements have sums of their own.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Start(sbyte* x)
    {
        Vector256<short> pairs = Avx2.MultiplyAddAdjacent(Vector256.Create((byte)8), Vector256.Load(x));
        Vector128<short> sum = pairs.GetLower() + pairs.GetUpper();
        sum += Sse2.Shuffle(sum.AsInt32(), 0b01001110).AsInt16();
        sum += Sse2.Shuffle(sum.AsInt32(), 0b10110001).AsInt16();
        return (-sum).AsInt32().ToScalar();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(int* destination, Vector256<int> totals) => totals.Store(destination);

    public static void Requantize(in ConvolutionInt8Tile tile, in ConvolutionInt8Call call) => Int4Requantize.Avx2(tile, call);
}
