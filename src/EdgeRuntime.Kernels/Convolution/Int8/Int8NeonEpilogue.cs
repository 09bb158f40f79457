using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace EdgeRuntime.Kernels;

/// <summary>Requantises and stores rows of eight columns.</summary>
internal readonly unsafe struct Int8NeonEpilogue
{
    private readonly Vector128<int> _multiplier0, _multiplier1, _shift;
    private readonly Vector128<short> _zeroPoint;
    private readonly Vector128<sbyte> _min, _max;

    /// <summary>Takes the multipliers of the block's panel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Int8NeonEpilogue(in Int8NeonBlock block)
    {
        _multiplier0 = AdvSimd.LoadVector128((int*)block.Panel + 8);
        _multiplier1 = AdvSimd.LoadVector128((int*)block.Panel + 12);
        _shift = Vector128.Create(block.Shift);
        _zeroPoint = Vector128.Create((short)block.OutputZeroPoint);
        _min = Vector128.Create((sbyte)block.Min);
        _max = Vector128.Create((sbyte)block.Max);
    }

    /// <summary>Two rows, eight columns each: a and b are the first row's halves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(in Int8NeonBlock block, sbyte* y, Vector128<int> a, Vector128<int> b, Vector128<int> c, Vector128<int> d)
    {
        Vector64<sbyte> first = NeonRequantize.Narrow(
            NeonRequantize.Scale(a, _multiplier0, _shift), NeonRequantize.Scale(b, _multiplier1, _shift), _zeroPoint);
        Vector128<sbyte> both = NeonRequantize.Clamp(NeonRequantize.NarrowUpper(first,
            NeonRequantize.Scale(c, _multiplier0, _shift), NeonRequantize.Scale(d, _multiplier1, _shift), _zeroPoint), _min, _max);
        if (block.Columns == 8)
        {
            AdvSimd.StoreSelectedScalar((ulong*)y, both.AsUInt64(), 0);
            AdvSimd.StoreSelectedScalar((ulong*)(y + block.OutputPitch), both.AsUInt64(), 1);
        }
        else StorePart(both, y, block.OutputPitch, block.Columns);
    }

    /// <summary>One row of eight columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(in Int8NeonBlock block, sbyte* y, Vector128<int> a, Vector128<int> b)
    {
        Vector128<sbyte> row = NeonRequantize.Clamp(NeonRequantize.Narrow(
            NeonRequantize.Scale(a, _multiplier0, _shift), NeonRequantize.Scale(b, _multiplier1, _shift), _zeroPoint).ToVector128Unsafe(), _min, _max);
        if (block.Columns == 8) AdvSimd.StoreSelectedScalar((ulong*)y, row.AsUInt64(), 0);
        else StorePart(row, y, 0, block.Columns);
    }

    /// <summary>The first columns only; the second row is at <paramref name="pitch"/>, or there is none if that is 0.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void StorePart(Vector128<sbyte> both, sbyte* y, long pitch, int columns)
    {
        sbyte* bytes = stackalloc sbyte[16];
        both.Store(bytes);
        for (int i = 0; i < columns; i++) y[i] = bytes[i];
        if (pitch == 0) return;
        for (int i = 0; i < columns; i++) y[pitch + i] = bytes[8 + i];
    }
}
