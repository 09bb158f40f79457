using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels;

/// <summary>Sparse int8 products by any multiplication of 256 bits.</summary>
/// <typeparam name="TDot">The multiplication.</typeparam>
internal readonly unsafe struct SparseInt8X86<TDot> : ISparseInt8, ISparseProduct<Vector256<int>, Vector256<int>> where TDot : struct, IInt8Dot<Vector256<int>>
{
    public static string Name => TDot.Name;

    public static CpuFeature Requires => TDot.Requires;

    public static int Lanes => 8;

    public static int Step => TDot.Step;

    public static int Vectors(int rows) => rows == 1 ? 8 : 2;

    public static bool WaitsForSums => false;

    public static SparseCost Cost(int rows) => (TDot.Step, rows) switch
    {
        (2, 1) => new(0.3, 0.88, 8, 0.45, 0.2),
        (2, _) => new(2.2, 1.9, 20, 0.35, 0.2),
        (_, 1) => new(0.3, 0.62, 8, 0.45, 0.2),
        _ => new(2, 1.6, 20, 0.35, 0.2),
    };

    public static bool ExcludesMinimum => false;

    public static int Factor => TDot.IsDoubled ? 2 : 1;

    public static int InputOffset(int zeroPoint) => TDot.InputOffset(zeroPoint);

    public static bool IsRaw => false;

    public static void Convert(sbyte* source, byte* destination, nint count, int zeroPoint) => TDot.Convert(source, destination, count, zeroPoint);

    public static int Side => 8;

    public static void ToPanel(int* x, int* y, nint stepX, nint stepY, nint nextX, nint nextY, int squares) => Transpose(x, y, stepX, stepY, nextX, nextY, squares);

    public static void Transpose(int* x, int* y, nint stepX, nint stepY, nint nextX, nint nextY, int squares) =>
        SparseFloat32Avx2.Transpose((float*)x, (float*)y, stepX, stepY, nextX, nextY, squares);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Load(byte* source, int vector) => Vector256.Load((int*)source + 8 * vector);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Broadcast(byte* source) => TDot.Broadcast(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Start(int* bias) => Vector256.Create(*bias);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Limit(float value) => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> MultiplyAdd(Vector256<int> sum, Vector256<int> input, Vector256<int> weights) => TDot.MultiplyAdd(sum, input, weights);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Add(Vector256<int> a, Vector256<int> b) => a + b;

    /// <summary>Doubled.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(int* destination, Vector256<int> sum, Vector256<int> low, Vector256<int> high) => TDot.Store(destination, sum);

    public static void Multiply<TRows>(in SparseRows rows, byte* panel, int count, int* sums) where TRows : struct, ICount =>
        SparseTile<SparseInt8X86<TDot>, Vector256<int>, Vector256<int>>.Run<TRows>(rows, panel, count, sums);

    public static void Requantize(int* sums, nint pitch, int count, int* multipliers, int* words, in ConvolutionInt8Call call)
    {
        if (call.Shift == 0) RequantizeAvx2.FourChannels(sums, pitch, count, multipliers, words, call);
        else
            for (int i = 0; i < count; i++)
                for (int c = 0; c < 4; c++) ((sbyte*)(words + i))[c] = RequantizeScalar.Apply(sums[c * pitch + i], multipliers[c], call);
    }
}
