using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace EdgeRuntime.Kernels;

/// <summary>ARMv8.0: as <see cref="CellProductNeon"/>, two slabs at once.</summary>
internal readonly unsafe struct SlabNeon : ISlab
{
    public static double Cycles => 6;

    public static int ElementBytes => 1;

    public static int Offset(int zeroPoint) => 0;

    public static void Convert(sbyte* source, byte* destination, int count, int zeroPoint) => CellProductNeonDot.Convert(source, destination, count, zeroPoint);

    public static int WeightBytes => 1;

    public static int Together => 2;

    public static int Place(int unit, int element) => unit * 4 + element;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Run(byte* x, byte* slabs, int* offsets, int count, int* sums)
    {
        Vector128<int> a = default, b = default, c = default, d = default;
        for (; count > 0; count -= 2, offsets += 2, slabs += 64)
        {
            Vector128<sbyte> v = AdvSimd.LoadAndReplicateToVector128((int*)(x + offsets[0])).AsSByte(), w = AdvSimd.LoadAndReplicateToVector128((int*)(x + offsets[1])).AsSByte();
            (Vector128<sbyte> p, Vector128<sbyte> q) = AdvSimd.Arm64.LoadPairVector128((sbyte*)slabs);
            (Vector128<sbyte> r, Vector128<sbyte> s) = AdvSimd.Arm64.LoadPairVector128((sbyte*)slabs + 32);
            a = AdvSimd.AddPairwiseWideningAndAdd(a, AdvSimd.MultiplyWideningLowerAndAdd(AdvSimd.MultiplyWideningLower(p.GetLower(), v.GetLower()), r.GetLower(), w.GetLower()));
            b = AdvSimd.AddPairwiseWideningAndAdd(b, AdvSimd.MultiplyWideningUpperAndAdd(AdvSimd.MultiplyWideningUpper(p, v), r, w));
            c = AdvSimd.AddPairwiseWideningAndAdd(c, AdvSimd.MultiplyWideningLowerAndAdd(AdvSimd.MultiplyWideningLower(q.GetLower(), v.GetLower()), s.GetLower(), w.GetLower()));
            d = AdvSimd.AddPairwiseWideningAndAdd(d, AdvSimd.MultiplyWideningUpperAndAdd(AdvSimd.MultiplyWideningUpper(q, v), s, w));
        }
        AdvSimd.Store(sums, AdvSimd.Arm64.AddPairwise(a, b));
        AdvSimd.Store(sums + 4, AdvSimd.Arm64.AddPairwise(c, d));
    }
}

/// <summary>Quadruples of bytes (SDOT).</summary>
internal readonly unsafe struct SlabNeonDot : ISlab
{
    public static double Cycles => 2.5;

    public static int ElementBytes => 1;

    public static int Offset(int zeroPoint) => 0;

    public static void Convert(sbyte* source, byte* destination, int count, int zeroPoint) => CellProductNeonDot.Convert(source, destination, count, zeroPoint);

    public static int WeightBytes => 1;

    public static int Together => 1;

    public static int Place(int unit, int element) => unit * 4 + element;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Run(byte* x, byte* slabs, int* offsets, int count, int* sums)
    {
        Vector128<int> a = default, b = default;
        for (int i = 0; i < count; i++, slabs += 32)
        {
            Vector128<sbyte> v = AdvSimd.LoadAndReplicateToVector128((int*)(x + offsets[i])).AsSByte();
            (Vector128<sbyte> p, Vector128<sbyte> q) = AdvSimd.Arm64.LoadPairVector128((sbyte*)slabs);
            a = Dp.DotProduct(a, p, v);
            b = Dp.DotProduct(b, q, v);
        }
        AdvSimd.Store(sums, a);
        AdvSimd.Store(sums + 4, b);
    }
}
