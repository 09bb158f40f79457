using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static System.Runtime.Intrinsics.Arm.AdvSimd;
using static System.Runtime.Intrinsics.Arm.AdvSimd.Arm64;

namespace EdgeRuntime.Kernels;

/// <summary>Elements 0, 1 of four positions, and 2, 3: taking halves out of a vector would cost moves.</summary>
internal readonly record struct SparseHalves(Vector64<sbyte> Low, Vector64<sbyte> High);

/// <summary>
/// Sparse int8 products of ARMv8.0. A vector of a panel has the elements 0, 1 of four positions in its lower half and 2, 3 in
/// its upper: SMULL and SMLAL add products 0 and 2, and 1 and 3, in 16 bits, SADALP adds the two sums of a position. That is
/// exact unless both weights are −128, which the kernel leaves to others.
/// </summary>
internal readonly unsafe struct SparseInt8Neon : ISparseInt8, ISparseProduct<Vector128<int>, SparseHalves>
{
    public static string Name => "neon";

    public static CpuFeature Requires => CpuFeature.Neon;

    public static int Lanes => 4;

    public static int Step => 4;

    public static int Vectors(int rows) => rows == 1 ? 8 : 4;

    public static bool WaitsForSums => false;

    public static SparseCost Cost(int rows) => rows == 1 ? new(4, 3, 20, 2, 0.7) : new(5, 12, 25, 2, 0.7);

    public static bool ExcludesMinimum => true;

    public static int Factor => 1;

    public static int InputOffset(int zeroPoint) => 0;

    public static bool IsRaw => true;

    public static void Convert(sbyte* source, byte* destination, nint count, int zeroPoint) => Buffer.MemoryCopy(source, destination, count, count);

    public static int Side => 4;

    /// <summary>Pairs of elements transposed, two rows of them in a vector.</summary>
    public static void ToPanel(int* x, int* y, nint stepX, nint stepY, nint nextX, nint nextY, int squares)
    {
        for (; squares > 0; squares--, x += nextX, y += nextY)
        {
            Vector128<short> a = LoadVector128(x).AsInt16(), b = LoadVector128(x + stepX).AsInt16(), c = LoadVector128(x + 2 * stepX).AsInt16(), d = LoadVector128(x + 3 * stepX).AsInt16();
            Vector128<short> p = ZipLow(a, c), q = ZipLow(b, d), r = ZipHigh(a, c), s = ZipHigh(b, d);
            ZipLow(p, q).AsInt32().Store(y);
            ZipHigh(p, q).AsInt32().Store(y + stepY);
            ZipLow(r, s).AsInt32().Store(y + 2 * stepY);
            ZipHigh(r, s).AsInt32().Store(y + 3 * stepY);
        }
    }

    public static void Transpose(int* x, int* y, nint stepX, nint stepY, nint nextX, nint nextY, int squares) =>
        SparseFloat32Neon.Transpose((float*)x, (float*)y, stepX, stepY, nextX, nextY, squares);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SparseHalves Load(byte* source, int vector) => new(LoadVector64((sbyte*)source + 16 * vector), LoadVector64((sbyte*)source + 16 * vector + 8));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SparseHalves Broadcast(byte* source)
    {
        (Vector64<short> low, Vector64<short> high) = LoadAndReplicateToVector64x2((short*)source);
        return new(low.AsSByte(), high.AsSByte());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Start(int* bias) => Vector128.Create(*bias);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Limit(float value) => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> MultiplyAdd(Vector128<int> sum, SparseHalves input, SparseHalves weights) =>
        AddPairwiseWideningAndAdd(sum, MultiplyWideningLowerAndAdd(MultiplyWideningLower(input.Low, weights.Low), input.High, weights.High));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Add(Vector128<int> a, Vector128<int> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(int* destination, Vector128<int> sum, Vector128<int> low, Vector128<int> high) => System.Runtime.Intrinsics.Arm.AdvSimd.Store(destination, sum);

    public static void Multiply<TRows>(in SparseRows rows, byte* panel, int count, int* sums) where TRows : struct, ICount =>
        SparseTile<SparseInt8Neon, Vector128<int>, SparseHalves>.Run<TRows>(rows, panel, count, sums);

    public static void Requantize(int* sums, nint pitch, int count, int* multipliers, int* words, in ConvolutionInt8Call call)
    {
        Vector128<int> a = LoadAndReplicateToVector128(multipliers), b = LoadAndReplicateToVector128(multipliers + 1),
            c = LoadAndReplicateToVector128(multipliers + 2), d = LoadAndReplicateToVector128(multipliers + 3), shift = Vector128.Create(call.Shift);
        Vector128<short> zero = Vector128.Create((short)call.OutputZeroPoint);
        Vector128<sbyte> low = Vector128.Create((sbyte)call.Min), high = Vector128.Create((sbyte)call.Max);
        for (int i = 0; i < count; i += 16)
            StoreVectorAndZip((sbyte*)(words + i), (Sixteen(sums + i, a, shift, zero, low, high), Sixteen(sums + pitch + i, b, shift, zero, low, high),
                Sixteen(sums + 2 * pitch + i, c, shift, zero, low, high), Sixteen(sums + 3 * pitch + i, d, shift, zero, low, high)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<sbyte> Sixteen(int* sums, Vector128<int> multiplier, Vector128<int> shift, Vector128<short> zero, Vector128<sbyte> low, Vector128<sbyte> high)
    {
        (Vector128<int> p, Vector128<int> q) = LoadPairVector128(sums);
        (Vector128<int> r, Vector128<int> s) = LoadPairVector128(sums + 8);
        Vector64<sbyte> first = NeonRequantize.Narrow(NeonRequantize.Scale(p, multiplier, shift), NeonRequantize.Scale(q, multiplier, shift), zero);
        return NeonRequantize.Clamp(NeonRequantize.NarrowUpper(first, NeonRequantize.Scale(r, multiplier, shift), NeonRequantize.Scale(s, multiplier, shift), zero), low, high);
    }
}
