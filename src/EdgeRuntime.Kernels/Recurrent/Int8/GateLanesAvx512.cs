using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRuntime.Kernels;

/// <summary>Sixteen lanes with AVX-512: a coefficient is one look-up of words (VPERMW), and sums are requantised 16 at a time.</summary>
internal readonly unsafe struct GateLanesAvx512 : IGateLanes<Vector256<short>>
{
    public static string Suffix => "-avx512";

    public static CpuFeature Requires => CpuFeature.Avx512;

    public static double UnitCycles => 150;

    public static bool HasWordTables => true;

    public static int Lanes => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> Load(short* p) => GateLanesAvx2.Load(p);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(short* p, Vector256<short> v) => GateLanesAvx2.Store(p, v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> Create(short value) => GateLanesAvx2.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> MulRound(Vector256<short> a, Vector256<short> b) => GateLanesAvx2.MulRound(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> AddSaturate(Vector256<short> a, Vector256<short> b) => GateLanesAvx2.AddSaturate(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> Sub(Vector256<short> a, Vector256<short> b) => GateLanesAvx2.Sub(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> Clamp(Vector256<short> v, Vector256<short> low, Vector256<short> high) => GateLanesAvx2.Clamp(v, low, high);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> Cubic(byte* table, Vector256<short> x)
    {
        Vector256<ushort> a = Avx2.Min(Avx2.Abs(x), Vector256.Create((ushort)short.MaxValue));
        Vector256<short> segment = Avx2.ShiftRightLogical(a, 11).AsInt16(), t = Avx2.ShiftLeftLogical(a & Vector256.Create((ushort)2047), 4).AsInt16();
        Vector256<short> y = Coefficient(table + 96, segment);
        y = Coefficient(table + 64, segment) + MulRound(t, y);
        y = Coefficient(table + 32, segment) + MulRound(t, y);
        return Coefficient(table, segment) + MulRound(t, y);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> Reflect(Vector256<short> y, Vector256<short> x, Vector256<short> from) => GateLanesAvx2.Reflect(y, x, from);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> ProductShift(Vector256<short> a, Vector256<short> b, int shift) => GateLanesAvx2.ProductShift(a, b, shift);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> Shift(Vector256<short> v, int left) => GateLanesAvx2.Shift(v, left);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> Narrow(int* sums, int* constants, int stride)
    {
        // Doubled by one more shift, as Scale wants them.
        Vector512<int> sum = Vector512.Load(sums) + Vector512.Load(constants), shift = Vector512.Load(constants + 2 * stride) + Vector512<int>.One;
        return Scale(Avx512F.ShiftLeftLogicalVariable(sum, shift.AsUInt32()), Vector512.Load(constants + stride));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreHidden(sbyte* y, Vector256<short> state, int multiplier, int zeroPoint)
    {
        Vector512<int> wide = Avx512F.ConvertToVector512Int32(state);
        Vector256<short> scaled = Avx2.AddSaturate(Scale(wide + wide, Vector512.Create(multiplier)), Vector256.Create((short)zeroPoint));
        Avx512BW.VL.ConvertToVector128SByteWithSaturation(scaled).Store(y);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<short> Coefficient(byte* table, Vector256<short> segment) => Avx512BW.VL.PermuteVar16x16(Vector256.Load((short*)table), segment);

    /// <summary>saturate16((a·M + 2^31) >> 32).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<short> Scale(Vector512<int> doubled, Vector512<int> multipliers)
    {
        Vector512<long> half = Vector512.Create(1L << 31), even = Avx512F.Multiply(doubled, multipliers) + half;
        Vector512<long> odd = Avx512F.Multiply((doubled.AsInt64() >>> 32).AsInt32(), (multipliers.AsInt64() >>> 32).AsInt32()) + half;
        Vector512<int> places = Vector512.Create(1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
        return Avx512F.ConvertToVector256Int16WithSaturation(Avx512F.PermuteVar16x32x2(even.AsInt32(), places, odd.AsInt32()));
    }
}
