using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace EdgeRuntime.Kernels;

/// <summary>Sparse int8 products of ARMv8.2: SDOT, a lane each position.</summary>
internal readonly unsafe struct SparseInt8NeonDot : ISparseInt8<Vector128<int>>
{
    public static string Name => "neondot";

    public static CpuFeature Requires => CpuFeature.Neon | CpuFeature.NeonDot;

    public static int Step => 4;

    public static int Vectors(int rows) => 4;

    public static double UnitCycles(int rows, int vectors) => rows == 1 ? 2.5 + vectors : 5 + 3 * vectors;

    public static (double Output, double Input) Cost => (4, 0.8);

    public static bool ExcludesMinimum => false;

    public static int Factor => 1;

    public static int InputOffset(int zeroPoint) => 0;

    public static bool IsRaw => true;

    public static void Convert(sbyte* source, byte* destination, nint count, int zeroPoint) => SparseInt8Neon.Convert(source, destination, count, zeroPoint);

    public static void Transpose(int* x, int* y, nint stepX, nint stepY) => SparseInt8Neon.Transpose(x, y, stepX, stepY);

    public static void Arrange(int* vector) { }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Load(void* source) => AdvSimd.LoadVector128((int*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Broadcast(void* source) => AdvSimd.LoadAndReplicateToVector128((int*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Create(int value) => Vector128.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> MultiplyAdd(Vector128<int> sum, Vector128<int> input, Vector128<int> weights) => Dp.DotProduct(sum, input.AsSByte(), weights.AsSByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> MultiplyAdd(Vector128<int> sum, byte* input, Vector128<int> weights) => MultiplyAdd(sum, Load(input), weights);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(int* destination, Vector128<int> sum) => AdvSimd.Store(destination, sum);

    public static void Requantize(int* sums, int count, int multiplier, sbyte* output, in ConvolutionInt8Call call) =>
        SparseInt8Neon.Requantize(sums, count, multiplier, output, call);

    public static void TransposeBytes(byte* x, byte* y, nint stepX, nint stepY) => SparseInt8Neon.TransposeBytes(x, y, stepX, stepY);
}
