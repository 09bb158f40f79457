using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace EdgeRuntime.Kernels;

/// <summary>SDOT: nibbles of 0 to 15 are signed bytes, too.</summary>
internal readonly unsafe struct Int4DotNeonDot : IInt4Dot<Vector128<int>>
{
    public static string Name => "neondot";

    public static CpuFeature Requires => CpuFeature.Neon | CpuFeature.NeonDot;

    public static (double PerCycle, double Finish) Cost(bool isRow) => (isRow ? 14 : 20, 60);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Load(void* source) => AdvSimd.LoadVector128((int*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Broadcast(void* source) => AdvSimd.LoadAndReplicateToVector128((int*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Low(Vector128<int> bytes) => bytes & Vector128.Create(0x0F0F0F0F);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> High(Vector128<int> bytes) => AdvSimd.ShiftRightLogical(bytes.AsByte(), 4).AsInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> MultiplyAdd(Vector128<int> sum, Vector128<int> nibbles, Vector128<int> x) =>
        Dp.DotProduct(sum, nibbles.AsSByte(), x.AsSByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Finish(Vector128<int> total, Vector128<int> sum, Vector128<int> multiplier) => AdvSimd.MultiplyAdd(total, sum, multiplier);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Multipliers(byte* source) =>
        AdvSimd.ZeroExtendWideningLower(AdvSimd.ZeroExtendWideningLower(Vector64.CreateScalar(*(uint*)source).AsByte()).GetLower()).AsInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Multiplier(int value) => Vector128.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Start(sbyte* x)
    {
        Vector128<sbyte> ones = Vector128<sbyte>.One;
        Vector128<int> sum = Dp.DotProduct(Dp.DotProduct(Vector128<int>.Zero, AdvSimd.LoadVector128(x), ones), AdvSimd.LoadVector128(x + 16), ones);
        return -8 * AdvSimd.Arm64.AddAcross(sum).ToScalar();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(int* destination, Vector128<int> totals) => AdvSimd.Store(destination, totals);

    public static void Requantize(in ConvolutionInt8Tile tile, in ConvolutionInt8Call call) => Int4Requantize.Neon(tile, call);
}
