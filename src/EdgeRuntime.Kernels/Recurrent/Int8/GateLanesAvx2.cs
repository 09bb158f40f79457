using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRuntime.Kernels;

/// <summary>Sixteen lanes: AVX2.</summary>
internal readonly unsafe struct GateLanesAvx2 : IGateLanes<Vector256<short>>
{
    public static int Lanes => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> Load(short* p) => Avx.LoadVector256(p);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(short* p, Vector256<short> v) => Avx.Store(p, v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> Create(short value) => Vector256.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> MulRound(Vector256<short> a, Vector256<short> b) => Avx2.MultiplyHighRoundScale(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> AddSaturate(Vector256<short> a, Vector256<short> b) => Avx2.AddSaturate(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> Sub(Vector256<short> a, Vector256<short> b) => Avx2.Subtract(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> Clamp(Vector256<short> v, Vector256<short> low, Vector256<short> high) => Avx2.Min(Avx2.Max(v, low), high);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> Cubic(byte* table, Vector256<short> x)
    {
        Vector256<ushort> a = Avx2.Min(Avx2.Abs(x), Vector256.Create((ushort)short.MaxValue)), segment = Avx2.ShiftRightLogical(a, 11);
        Vector256<short> t = Avx2.ShiftLeftLogical(a & Vector256.Create((ushort)2047), 4).AsInt16();
        // VPSHUFB gives 0 where an index has its top bit set: one shuffle looks up the low bytes, one the high bytes.
        Vector256<byte> low = (segment | Vector256.Create((ushort)0x8000)).AsByte(), high = (Avx2.ShiftLeftLogical(segment, 8) | Vector256.Create((ushort)0x80)).AsByte();
        Vector256<short> y = Coefficient(table + 96, low, high);
        y = Coefficient(table + 64, low, high) + MulRound(t, y);
        y = Coefficient(table + 32, low, high) + MulRound(t, y);
        return Coefficient(table, low, high) + MulRound(t, y);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> Reflect(Vector256<short> y, Vector256<short> x, Vector256<short> from) =>
        Avx2.BlendVariable(y, from - y, Avx2.ShiftRightArithmetic(x, 15));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> ProductShift(Vector256<short> a, Vector256<short> b, int shift)
    {
        // Unpacking and packing undo one another within the 128-bit halves.
        Vector256<short> low = a * b, high = Avx2.MultiplyHigh(a, b);
        Vector256<int> half = Vector256.Create(1 << shift >> 1);
        Vector128<int> count = Vector128.CreateScalar(shift);
        return Avx2.PackSignedSaturate(Avx2.ShiftRightArithmetic(Avx2.UnpackLow(low, high).AsInt32() + half, count),
            Avx2.ShiftRightArithmetic(Avx2.UnpackHigh(low, high).AsInt32() + half, count));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> Shift(Vector256<short> v, int left)
    {
        if (left == 0) return v;
        // To the right, MulRound by 2^(15 + left) is the rounding shift; to the left, doubling by saturating addition.
        if (left < 0) return MulRound(v, Vector256.Create((short)(1 << (15 + left))));
        for (; left > 0; left--) v = Avx2.AddSaturate(v, v);
        return v;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> Narrow(int* sums, int* constants, int stride) => Pack(Scaled(sums, constants, stride), Scaled(sums + 8, constants + 8, stride));

    public static void StoreHidden(sbyte* y, Vector256<short> state, int multiplier, int zeroPoint)
    {
        Vector256<int> m = Vector256.Create(multiplier), low = Avx2.ConvertToVector256Int32(state.GetLower()), high = Avx2.ConvertToVector256Int32(state.GetUpper());
        Vector256<short> scaled = Pack(RequantizeAvx2.Scale(low + low, m), RequantizeAvx2.Scale(high + high, m));
        scaled = Avx2.AddSaturate(scaled, Vector256.Create((short)zeroPoint));
        Sse2.PackSignedSaturate(scaled.GetLower(), scaled.GetUpper()).Store(y);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<short> Coefficient(byte* table, Vector256<byte> low, Vector256<byte> high) =>
        (Avx2.Shuffle(Avx2.BroadcastVector128ToVector256(table), low) | Avx2.Shuffle(Avx2.BroadcastVector128ToVector256(table + 16), high)).AsInt16();

    /// <summary>Requantised sums of 8 lanes; they are doubled by one more shift, as <see cref="RequantizeAvx2.Scale"/> wants.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Scaled(int* sums, int* constants, int stride)
    {
        Vector256<int> sum = Vector256.Load(sums) + Vector256.Load(constants);
        Vector256<int> shift = Vector256.Load(constants + 2 * stride) + Vector256<int>.One;
        return RequantizeAvx2.Scale(Avx2.ShiftLeftLogicalVariable(sum, shift.AsUInt32()), Vector256.Load(constants + stride));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<short> Pack(Vector256<int> low, Vector256<int> high) =>
        Avx2.Permute4x64(Avx2.PackSignedSaturate(low, high).AsInt64(), 0b11_01_10_00).AsInt16();
}
