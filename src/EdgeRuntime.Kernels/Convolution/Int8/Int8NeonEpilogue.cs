using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace EdgeRuntime.Kernels;

/// <summary>Requantises and stores rows of eight columns. Accumulators come shifted already.</summary>
internal readonly unsafe struct Int8NeonEpilogue
{
    private readonly Vector128<int> _multiplier0, _multiplier1;
    private readonly Vector128<short> _zeroPoint;
    private readonly Vector128<sbyte> _min, _max;

    /// <summary>Takes the multipliers of the block's panel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Int8NeonEpilogue(in Int8NeonBlock block)
    {
        _multiplier0 = AdvSimd.LoadVector128((int*)block.Panel + 8);
        _multiplier1 = AdvSimd.LoadVector128((int*)block.Panel + 12);
        _zeroPoint = block.ZeroPoint;
        _min = block.Min;
        _max = block.Max;
    }

    /// <summary>Two rows, eight columns each: a and b are the first row's halves. Gives the row behind them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public sbyte* Store(sbyte* y, nint pitch, Vector128<int> a, Vector128<int> b, Vector128<int> c, Vector128<int> d)
    {
        Vector64<sbyte> first = NeonRequantize.Narrow(AdvSimd.MultiplyRoundedDoublingSaturateHigh(a, _multiplier0),
            AdvSimd.MultiplyRoundedDoublingSaturateHigh(b, _multiplier1), _zeroPoint);
        Vector128<sbyte> both = NeonRequantize.Clamp(NeonRequantize.NarrowUpper(first, AdvSimd.MultiplyRoundedDoublingSaturateHigh(c, _multiplier0),
            AdvSimd.MultiplyRoundedDoublingSaturateHigh(d, _multiplier1), _zeroPoint), _min, _max);
        AdvSimd.StoreSelectedScalar((ulong*)(y + pitch), both.AsUInt64(), 1);
        AdvSimd.Store(y, both.GetLower());
        return y + 2 * pitch;
    }

    /// <summary>One row of eight columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(sbyte* y, Vector128<int> a, Vector128<int> b) =>
        AdvSimd.Store(y, AdvSimd.Min(AdvSimd.Max(NeonRequantize.Narrow(AdvSimd.MultiplyRoundedDoublingSaturateHigh(a, _multiplier0),
            AdvSimd.MultiplyRoundedDoublingSaturateHigh(b, _multiplier1), _zeroPoint), _min.GetLower()), _max.GetLower()));
}
