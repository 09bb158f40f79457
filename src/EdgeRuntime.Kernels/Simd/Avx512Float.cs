using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRuntime.Kernels;

/// <summary>Sixteen floats: AVX-512.</summary>
internal readonly unsafe struct Avx512Float : IFloatVector<Vector512<float>>
{
    public static int Lanes => 16;

    public static int Registers => 32;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(float* p) => Avx512F.LoadVector512(p);

    /// <summary>Two halves by AVX: .NET 9 has no masked load of 512 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadFirst(float* p, int count) => count <= 8
        ? Vector512.Create(Avx2Float.LoadFirst(p, count), default)
        : Vector512.Create(Avx.LoadVector256(p), Avx2Float.LoadFirst(p + 8, count - 8));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* p, Vector512<float> v) => Avx512F.Store(p, v);

    /// <summary>The lower half whole or in pieces, then the upper.</summary>
    public static void StoreFirst(float* p, Vector512<float> v, int count)
    {
        if (count < 8) { Avx2Float.StoreFirst(p, v.GetLower(), count); return; }
        Avx.Store(p, v.GetLower());
        if (count > 8) Avx2Float.StoreFirst(p + 8, v.GetUpper(), count - 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Broadcast(float* p) => Avx512F.BroadcastScalarToVector512(Vector128.CreateScalarUnsafe(*p));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Create(float value) => Avx512F.BroadcastScalarToVector512(Vector128.CreateScalarUnsafe(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Fma(Vector512<float> a, Vector512<float> b, Vector512<float> c) => Avx512F.FusedMultiplyAdd(a, b, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Add(Vector512<float> a, Vector512<float> b) => Avx512F.Add(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Sub(Vector512<float> a, Vector512<float> b) => Avx512F.Subtract(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Mul(Vector512<float> a, Vector512<float> b) => Avx512F.Multiply(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Div(Vector512<float> a, Vector512<float> b) => Avx512F.Divide(a, b);

    /// <summary>VMAXPS and VMINPS return their second operand when one is NaN, so the value stands second.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> AtLeast(Vector512<float> v, Vector512<float> low) => Avx512F.Max(low, v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> AtMost(Vector512<float> v, Vector512<float> high) => Avx512F.Min(high, v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Clamp(Vector512<float> v, Vector512<float> low, Vector512<float> high) => AtMost(AtLeast(v, low), high);

    /// <summary>VMAXPS gives b where either is NaN, so a NaN in a is put back.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Max(Vector512<float> a, Vector512<float> b) => Avx512F.BlendVariable(Avx512F.Max(a, b), a, Avx512F.CompareUnordered(a, a));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Round(Vector512<float> v) => Avx512F.RoundScale(v, 0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Scale(Vector512<float> v, Vector512<float> n) => Avx512F.Scale(v, n);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> ZeroBelow(Vector512<float> v, Vector512<float> x, Vector512<float> limit) =>
        Avx512F.BlendVariable(v, Vector512<float>.Zero, Avx512F.CompareLessThan(x, limit));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector512<float> v) => Avx2Float.Sum(Avx.Add(v.GetLower(), v.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Nibbles(Vector512<float> words, int position) =>
        (position == 7 ? words.AsInt32() >>> 28 : words.AsInt32() & Vector512.Create(15 << (4 * position))).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> FromIntegers(Vector512<float> v) => Vector512.ConvertToSingle(v.AsInt32());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> FmaElement(Vector512<float> a, Vector512<float> elements, int index, Vector512<float> c) => Fma(a, Create(elements[index]), c);
}
