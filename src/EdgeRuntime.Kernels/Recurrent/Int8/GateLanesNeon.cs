using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace EdgeRuntime.Kernels;

/// <summary>Eight lanes: ARM64.</summary>
internal readonly unsafe struct GateLanesNeon : IGateLanes<Vector128<short>>
{
    public static int Lanes => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<short> Load(short* p) => AdvSimd.LoadVector128(p);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(short* p, Vector128<short> v) => AdvSimd.Store(p, v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<short> Create(short value) => Vector128.Create(value);

    /// <summary>SQRDMULH saturates for −2^15 · −2^15 only, which no caller multiplies.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<short> MulRound(Vector128<short> a, Vector128<short> b) => AdvSimd.MultiplyRoundedDoublingSaturateHigh(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<short> AddSaturate(Vector128<short> a, Vector128<short> b) => AdvSimd.AddSaturate(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<short> Sub(Vector128<short> a, Vector128<short> b) => AdvSimd.Subtract(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<short> Clamp(Vector128<short> v, Vector128<short> low, Vector128<short> high) => AdvSimd.Min(AdvSimd.Max(v, low), high);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<short> Cubic(byte* table, Vector128<short> x)
    {
        Vector128<ushort> a = AdvSimd.AbsSaturate(x).AsUInt16(), segment = AdvSimd.ShiftRightLogical(a, 11);
        Vector128<short> t = AdvSimd.ShiftLeftLogical(a & Vector128.Create((ushort)2047), 4).AsInt16();
        // Bytes (segment, 16 + segment): TBL over both registers takes the low byte and the high byte.
        Vector128<byte> index = AdvSimd.ShiftLeftAndInsert(segment, AdvSimd.Or(segment, Vector128.Create((ushort)16)), 8).AsByte();
        Vector128<short> y = Coefficient(table + 96, index);
        y = Coefficient(table + 64, index) + MulRound(t, y);
        y = Coefficient(table + 32, index) + MulRound(t, y);
        return Coefficient(table, index) + MulRound(t, y);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<short> Reflect(Vector128<short> y, Vector128<short> x, Vector128<short> from) =>
        AdvSimd.BitwiseSelect(AdvSimd.CompareLessThan(x, default), from - y, y);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<short> ProductShift(Vector128<short> a, Vector128<short> b, int shift)
    {
        Vector128<int> count = Vector128.Create(-shift);
        return AdvSimd.ExtractNarrowingSaturateUpper(AdvSimd.ExtractNarrowingSaturateLower(
            AdvSimd.ShiftArithmeticRounded(AdvSimd.MultiplyWideningLower(a.GetLower(), b.GetLower()), count)),
            AdvSimd.ShiftArithmeticRounded(AdvSimd.MultiplyWideningUpper(a, b), count));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<short> Shift(Vector128<short> v, int left) => AdvSimd.ShiftArithmeticRoundedSaturate(v, Vector128.Create((short)left));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<short> Narrow(int* sums, int* constants, int stride) => AdvSimd.ExtractNarrowingSaturateUpper(
        AdvSimd.ExtractNarrowingSaturateLower(Scaled(sums, constants, stride)), Scaled(sums + 4, constants + 4, stride));

    public static void StoreHidden(sbyte* y, Vector128<short> state, int multiplier, int zeroPoint)
    {
        Vector128<int> m = Vector128.Create(multiplier);
        AdvSimd.Store(y, NeonRequantize.Narrow(AdvSimd.MultiplyRoundedDoublingSaturateHigh(AdvSimd.SignExtendWideningLower(state.GetLower()), m),
            AdvSimd.MultiplyRoundedDoublingSaturateHigh(AdvSimd.SignExtendWideningUpper(state), m), Vector128.Create((short)zeroPoint)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<short> Coefficient(byte* table, Vector128<byte> index) =>
        AdvSimd.Arm64.VectorTableLookup((AdvSimd.LoadVector128(table), AdvSimd.LoadVector128(table + 16)), index).AsInt16();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Scaled(int* sums, int* constants, int stride) => AdvSimd.MultiplyRoundedDoublingSaturateHigh(
        AdvSimd.ShiftLogical(AdvSimd.Add(AdvSimd.LoadVector128(sums), AdvSimd.LoadVector128(constants)), AdvSimd.LoadVector128(constants + 2 * stride)),
        AdvSimd.LoadVector128(constants + stride));
}
