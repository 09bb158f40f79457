using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace EdgeRuntime.Kernels;

/// <summary>Sparse int8 products of ARMv8.2: SDOT, a lane each position.</summary>
internal readonly unsafe struct SparseInt8NeonDot : ISparseInt8, ISparseProduct<Vector128<int>, Vector128<int>>
{
    public static string Name => "neondot";

    public static CpuFeature Requires => CpuFeature.Neon | CpuFeature.NeonDot;

    public static int Lanes => 4;

    public static int Step => 4;

    public static int Vectors(int rows) => rows == 1 ? 8 : 4;

    public static bool WaitsForSums => false;

    public static SparseCost Cost(int rows) => rows == 1 ? new(3, 1, 20, 2, 0.7) : new(5, 3, 25, 2, 0.7);

    public static bool ExcludesMinimum => false;

    public static int Factor => 1;

    public static int InputOffset(int zeroPoint) => 0;

    public static bool IsRaw => true;

    public static void Convert(sbyte* source, byte* destination, nint count, int zeroPoint) => SparseInt8Neon.Convert(source, destination, count, zeroPoint);

    public static int Side => 4;

    public static void ToPanel(int* x, int* y, nint stepX, nint stepY, nint nextX, nint nextY, int squares) => Transpose(x, y, stepX, stepY, nextX, nextY, squares);

    public static void Transpose(int* x, int* y, nint stepX, nint stepY, nint nextX, nint nextY, int squares) =>
        SparseInt8Neon.Transpose(x, y, stepX, stepY, nextX, nextY, squares);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Load(byte* source, int vector) => AdvSimd.LoadVector128((int*)source + 4 * vector);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Broadcast(byte* source) => AdvSimd.LoadAndReplicateToVector128((int*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Start(int* bias) => Vector128.Create(*bias);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Limit(float value) => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> MultiplyAdd(Vector128<int> sum, Vector128<int> input, Vector128<int> weights) => Dp.DotProduct(sum, input.AsSByte(), weights.AsSByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Add(Vector128<int> a, Vector128<int> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(int* destination, Vector128<int> sum, Vector128<int> low, Vector128<int> high) => AdvSimd.Store(destination, sum);

    public static void Multiply<TRows>(in SparseRows rows, byte* panel, int count, int* sums) where TRows : struct, ICount =>
        SparseTile<SparseInt8NeonDot, Vector128<int>, Vector128<int>>.Run<TRows>(rows, panel, count, sums);

    public static void Requantize(int* sums, nint pitch, int count, int* multipliers, int* words, in ConvolutionInt8Call call) =>
        SparseInt8Neon.Requantize(sums, pitch, count, multipliers, words, call);
}
