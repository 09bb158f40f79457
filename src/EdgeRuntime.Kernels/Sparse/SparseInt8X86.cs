using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels;

/// <summary>Sparse int8 products by any multiplication of 256 bits.</summary>
/// <typeparam name="TDot">The multiplication.</typeparam>
internal readonly unsafe struct SparseInt8X86<TDot> : ISparseInt8<Vector256<int>> where TDot : struct, IInt8Dot<Vector256<int>>
{
    public static string Name => TDot.Name;

    public static CpuFeature Requires => TDot.Requires;

    public static int Step => TDot.Step;

    public static int Vectors(int rows) => rows == 1 ? 4 : 2;

    public static double UnitCycles(int rows, int vectors) => TDot.Step == 2
        ? rows == 1 ? 1.25 + 0.78 * vectors : 1.7 + 2.4 * vectors
        : rows == 1 ? 0.9 + 0.55 * vectors : 1.5 + 2 * vectors;

    public static (double Output, double Input) Cost => (1.8, 0.8);

    public static bool ExcludesMinimum => false;

    public static int Factor => TDot.IsDoubled ? 2 : 1;

    public static int InputOffset(int zeroPoint) => TDot.InputOffset(zeroPoint);

    public static bool IsRaw => false;

    public static void Convert(sbyte* source, byte* destination, nint count, int zeroPoint) => TDot.Convert(source, destination, count, zeroPoint);

    public static void Transpose(int* x, int* y, nint stepX, nint stepY) => TransposeAvx2.Block((float*)x, (float*)y, stepX, stepY);

    public static void Arrange(int* vector) { }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Load(void* source) => Vector256.Load((int*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Broadcast(void* source) => TDot.Broadcast(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Create(int value) => Vector256.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> MultiplyAdd(Vector256<int> sum, Vector256<int> input, Vector256<int> weights) => TDot.MultiplyAdd(sum, input, weights);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> MultiplyAdd(Vector256<int> sum, byte* input, Vector256<int> weights) => TDot.MultiplyAdd(sum, Load(input), weights);

    /// <summary>Doubled.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(int* destination, Vector256<int> sum) => TDot.Store(destination, sum);

    public static void Requantize(int* sums, int count, int multiplier, sbyte* output, in ConvolutionInt8Call call)
    {
        if (call.Shift == 0) RequantizeAvx2.Channel(sums, count, multiplier, output, call);
        else
            for (int i = 0; i < count; i++) output[i] = RequantizeScalar.Apply(sums[i], multiplier, call);
    }

    public static void TransposeBytes(byte* x, byte* y, nint stepX, nint stepY) => TransposeAvx2.Block(x, y, stepX, stepY);
}
