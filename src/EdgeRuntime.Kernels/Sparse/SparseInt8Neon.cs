using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static System.Runtime.Intrinsics.Arm.AdvSimd;
using static System.Runtime.Intrinsics.Arm.AdvSimd.Arm64;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Sparse int8 products of ARMv8.0. A vector of a panel has the elements 0, 1 of four positions in its lower half and 2, 3 in
/// its upper: SMULL and SMLAL2 add products 0 and 2, and 1 and 3, in 16 bits, SADALP adds the two sums of a position. That is
/// exact unless both weights are −128, which the kernel leaves to others.
/// </summary>
internal readonly unsafe struct SparseInt8Neon : ISparseInt8<Vector128<int>>
{
    public static string Name => "neon";

    public static CpuFeature Requires => CpuFeature.Neon;

    public static int Step => 4;

    public static int Vectors(int rows) => 4;

    public static double UnitCycles(int rows, int vectors) => rows == 1 ? 3 + 3 * vectors : 5 + 12 * vectors;

    public static (double Output, double Input) Cost => (4, 1);

    public static bool ExcludesMinimum => true;

    public static int Factor => 1;

    public static int InputOffset(int zeroPoint) => 0;

    public static bool IsRaw => true;

    public static void Convert(sbyte* source, byte* destination, nint count, int zeroPoint) => Buffer.MemoryCopy(source, destination, count, count);

    public static void Transpose(int* x, int* y, nint stepX, nint stepY) => TransposeNeon.Block((uint*)x, (uint*)y, stepX, stepY);

    public static void Arrange(int* vector) => Store(vector, Halves(LoadVector128(vector)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Load(void* source) => LoadVector128((int*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Broadcast(void* source) => Halves(LoadAndReplicateToVector128((int*)source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Create(int value) => Vector128.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> MultiplyAdd(Vector128<int> sum, Vector128<int> input, Vector128<int> weights)
    {
        Vector128<sbyte> x = input.AsSByte(), w = weights.AsSByte();
        return AddPairwiseWideningAndAdd(sum, MultiplyWideningUpperAndAdd(MultiplyWideningLower(x.GetLower(), w.GetLower()), x, w));
    }

    /// <summary>Loads the halves as a pair: taking them out of a vector costs moves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> MultiplyAdd(Vector128<int> sum, byte* input, Vector128<int> weights)
    {
        (Vector64<sbyte> low, Vector64<sbyte> high) = LoadPairVector64((sbyte*)input);
        return AddPairwiseWideningAndAdd(sum, MultiplyWideningLowerAndAdd(MultiplyWideningLower(low, weights.AsSByte().GetLower()), high, weights.AsSByte().GetUpper()));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(int* destination, Vector128<int> sum) => System.Runtime.Intrinsics.Arm.AdvSimd.Store(destination, sum);

    public static void Requantize(int* sums, int count, int multiplier, sbyte* output, in ConvolutionInt8Call call)
    {
        Vector128<int> factor = Vector128.Create(multiplier), shift = Vector128.Create(call.Shift);
        Vector128<short> zero = Vector128.Create((short)call.OutputZeroPoint);
        Vector64<sbyte> low = Vector64.Create((sbyte)call.Min), high = Vector64.Create((sbyte)call.Max);
        for (int i = 0; i < count; i += 8)
        {
            Vector64<sbyte> bytes = NeonRequantize.Narrow(NeonRequantize.Scale(LoadVector128(sums + i), factor, shift),
                NeonRequantize.Scale(LoadVector128(sums + i + 4), factor, shift), zero);
            System.Runtime.Intrinsics.Arm.AdvSimd.Store(output + i, Min(Max(bytes, low), high));
        }
    }

    public static void TransposeBytes(byte* x, byte* y, nint stepX, nint stepY) => TransposeNeon.Block(x, y, stepX, stepY);

    /// <summary>The lower 16 bits of all lanes, then the upper.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Halves(Vector128<int> v) =>
        VectorTableLookup(v.AsByte(), Vector128.Create((byte)0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15)).AsInt32();
}
