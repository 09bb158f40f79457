using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRuntime.Kernels;

/// <summary>Eight floats: AVX2 with FMA.</summary>
internal readonly unsafe struct Avx2Float : IFloatVector<Vector256<float>>
{
    public static int Lanes => 8;

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
    public static Vector256<float> Clamp(Vector256<float> v, Vector256<float> low, Vector256<float> high) => Avx.Min(high, Avx.Max(low, v));

    /// <summary>All ones in the first <paramref name="count"/> 32-bit lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector256<int> FirstLanes(int count) =>
        Avx2.CompareGreaterThan(Avx2.BroadcastScalarToVector256(Vector128.CreateScalarUnsafe(count)), Vector256.Create(0, 1, 2, 3, 4, 5, 6, 7));
}
