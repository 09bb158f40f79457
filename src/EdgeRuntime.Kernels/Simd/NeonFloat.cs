using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace EdgeRuntime.Kernels;

/// <summary>Four floats: ARM64.</summary>
internal readonly unsafe struct NeonFloat : IFloatVector<Vector128<float>>
{
    public static int Lanes => 4;

    public static int Registers => 32;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Load(float* p) => AdvSimd.LoadVector128(p);

    public static Vector128<float> LoadFirst(float* p, int count)
    {
        Vector128<float> v = default;
        if (count > 0) v = AdvSimd.LoadAndInsertScalar(v, 0, p);
        if (count > 1) v = AdvSimd.LoadAndInsertScalar(v, 1, p + 1);
        if (count > 2) v = AdvSimd.LoadAndInsertScalar(v, 2, p + 2);
        if (count > 3) v = AdvSimd.LoadAndInsertScalar(v, 3, p + 3);
        return v;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* p, Vector128<float> v) => AdvSimd.Store(p, v);

    public static void StoreFirst(float* p, Vector128<float> v, int count)
    {
        if (count > 0) AdvSimd.StoreSelectedScalar(p, v, 0);
        if (count > 1) AdvSimd.StoreSelectedScalar(p + 1, v, 1);
        if (count > 2) AdvSimd.StoreSelectedScalar(p + 2, v, 2);
        if (count > 3) AdvSimd.StoreSelectedScalar(p + 3, v, 3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Broadcast(float* p) => AdvSimd.LoadAndReplicateToVector128(p);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Create(float value) => Vector128.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Fma(Vector128<float> a, Vector128<float> b, Vector128<float> c) => AdvSimd.FusedMultiplyAdd(c, a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Add(Vector128<float> a, Vector128<float> b) => AdvSimd.Add(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Sub(Vector128<float> a, Vector128<float> b) => AdvSimd.Subtract(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Mul(Vector128<float> a, Vector128<float> b) => AdvSimd.Multiply(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Div(Vector128<float> a, Vector128<float> b) => AdvSimd.Arm64.Divide(a, b);

    /// <summary>FMAX and FMIN give NaN where an operand is.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> AtLeast(Vector128<float> v, Vector128<float> low) => AdvSimd.Max(v, low);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> AtMost(Vector128<float> v, Vector128<float> high) => AdvSimd.Min(v, high);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Clamp(Vector128<float> v, Vector128<float> low, Vector128<float> high) => AtMost(AtLeast(v, low), high);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Max(Vector128<float> a, Vector128<float> b) => AdvSimd.Max(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Round(Vector128<float> v) => AdvSimd.RoundToNearest(v);

    /// <summary>2^n made from its exponent bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Scale(Vector128<float> v, Vector128<float> n) =>
        AdvSimd.Multiply(v, ((AdvSimd.ConvertToInt32RoundToEven(n) + Vector128.Create(127)) << 23).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> ZeroBelow(Vector128<float> v, Vector128<float> x, Vector128<float> limit) =>
        AdvSimd.BitwiseClear(v, AdvSimd.CompareLessThan(x, limit));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector128<float> v)
    {
        Vector128<float> pairs = AdvSimd.Arm64.AddPairwise(v, v);
        return AdvSimd.Arm64.AddPairwise(pairs, pairs).ToScalar();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Nibbles(Vector128<float> words, int position) =>
        (position == 7 ? words.AsInt32() >>> 28 : words.AsInt32() & Vector128.Create(15 << (4 * position))).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> FromIntegers(Vector128<float> v) => Vector128.ConvertToSingle(v.AsInt32());

    // The index is a constant where this is inlined; a switch over the four that the analyzer can see costs a move for each of them.
#pragma warning disable CA1857
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> FmaElement(Vector128<float> a, Vector128<float> elements, int index, Vector128<float> c) =>
        AdvSimd.Arm64.FusedMultiplyAddBySelectedScalar(c, a, elements, (byte)index);
#pragma warning restore CA1857
}
