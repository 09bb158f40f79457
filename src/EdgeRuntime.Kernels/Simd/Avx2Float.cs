using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRuntime.Kernels;

/// <summary>Eight floats: AVX2 with FMA.</summary>
internal readonly unsafe struct Avx2Float : IFloatVector<Vector256<float>>
{
    public static int Lanes => 8;

    public static int Registers => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load(float* p) => Avx.LoadVector256(p);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> LoadFirst(float* p, int count) => Avx.MaskLoad(p, FirstLanes(count).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* p, Vector256<float> v) => Avx.Store(p, v);

    /// <summary>In pieces of 4, 2 and 1: the masked store is microcoded on AMD.</summary>
    public static void StoreFirst(float* p, Vector256<float> v, int count)
    {
        if ((count & 8) != 0) { Avx.Store(p, v); return; }
        Vector128<float> part = v.GetLower();
        if ((count & 4) != 0) { Sse.Store(p, part); p += 4; part = v.GetUpper(); }
        if ((count & 2) != 0) { Sse.StoreLow(p, part); p += 2; part = Sse.MoveHighToLow(part, part); }
        if ((count & 1) != 0) *p = part.ToScalar();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Broadcast(float* p) => Avx.BroadcastScalarToVector256(p);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Create(float value) => Avx2.BroadcastScalarToVector256(Vector128.CreateScalarUnsafe(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Fma(Vector256<float> a, Vector256<float> b, Vector256<float> c) => System.Runtime.Intrinsics.X86.Fma.MultiplyAdd(a, b, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Add(Vector256<float> a, Vector256<float> b) => Avx.Add(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Sub(Vector256<float> a, Vector256<float> b) => Avx.Subtract(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Mul(Vector256<float> a, Vector256<float> b) => Avx.Multiply(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Div(Vector256<float> a, Vector256<float> b) => Avx.Divide(a, b);

    /// <summary>VMAXPS and VMINPS return their second operand when one is NaN, so the value stands second.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> AtLeast(Vector256<float> v, Vector256<float> low) => Avx.Max(low, v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> AtMost(Vector256<float> v, Vector256<float> high) => Avx.Min(high, v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Clamp(Vector256<float> v, Vector256<float> low, Vector256<float> high) => AtMost(AtLeast(v, low), high);

    /// <summary>VMAXPS gives b where either is NaN, so a NaN in a is put back.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Max(Vector256<float> a, Vector256<float> b) => Avx.BlendVariable(Avx.Max(a, b), a, Avx.CompareUnordered(a, a));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Round(Vector256<float> v) => Avx.RoundToNearestInteger(v);

    /// <summary>2^n made from its exponent bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Scale(Vector256<float> v, Vector256<float> n) =>
        Avx.Multiply(v, Avx2.ShiftLeftLogical(Avx2.Add(Avx.ConvertToVector256Int32(n), Vector256.Create(127)), 23).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> ZeroBelow(Vector256<float> v, Vector256<float> x, Vector256<float> limit) => Avx.AndNot(Avx.CompareLessThan(x, limit), v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector256<float> v)
    {
        Vector128<float> half = Sse.Add(v.GetLower(), v.GetUpper()), pair = Sse.Add(half, Sse.MoveHighToLow(half, half));
        return pair.ToScalar() + pair.GetElement(1);
    }

    /// <summary>All ones in the first <paramref name="count"/> 32-bit lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector256<int> FirstLanes(int count) =>
        Avx2.CompareGreaterThan(Avx2.BroadcastScalarToVector256(Vector128.CreateScalarUnsafe(count)), Vector256.Create(0, 1, 2, 3, 4, 5, 6, 7));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Nibbles(Vector256<float> words, int position) =>
        (position == 7 ? words.AsInt32() >>> 28 : words.AsInt32() & Vector256.Create(15 << (4 * position))).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> FromIntegers(Vector256<float> v) => Vector256.ConvertToSingle(v.AsInt32());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> FmaElement(Vector256<float> a, Vector256<float> elements, int index, Vector256<float> c) => Fma(a, Create(elements[index]), c);
}
