using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace EdgeRuntime.Kernels;

/// <summary>What the sums of a product need before they are stored.</summary>
internal enum Int8NeonFinish
{
    /// <summary>Scaled they fit 16 bits, and the clamp is that of the type.</summary>
    Plain,

    /// <summary>Scaled they fit 16 bits.</summary>
    Clamped,

    /// <summary>Anything: weights with zero points, factors of 1 and more, scaled sums of more than 16 bits.</summary>
    Careful,
}

/// <summary>Requantises and stores rows of eight columns whose scaled sums are known to fit 16 bits; <see cref="Careful"/> does all others.</summary>
internal readonly unsafe struct Int8NeonEpilogue
{
    private readonly Vector128<int> _multiplier0, _multiplier1;
    private readonly Vector128<short> _zeroPoint;
    private readonly Vector64<sbyte> _min, _max;

    /// <summary>Takes the multipliers of the block's panel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Int8NeonEpilogue(in Int8NeonBlock block)
    {
        _multiplier0 = AdvSimd.LoadVector128((int*)block.Panel + 8);
        _multiplier1 = AdvSimd.LoadVector128((int*)block.Panel + 12);
        _zeroPoint = block.ZeroPoint;
        _min = block.Min.GetLower();
        _max = block.Max.GetLower();
    }

    /// <summary>Two rows, eight columns each: a and b are the first row's halves. Gives the row behind them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public sbyte* Store<TClamped>(sbyte* y, nint pitch, Vector128<int> a, Vector128<int> b, Vector128<int> c, Vector128<int> d) where TClamped : struct, ICount
    {
        AdvSimd.Store(y, Bytes<TClamped>(a, b));
        AdvSimd.Store(y + pitch, Bytes<TClamped>(c, d));
        return y + 2 * pitch;
    }

    /// <summary>One row of eight columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(sbyte* y, Vector128<int> a, Vector128<int> b) => AdvSimd.Store(y, Bytes<N1>(a, b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Vector64<sbyte> Bytes<TClamped>(Vector128<int> a, Vector128<int> b) where TClamped : struct, ICount
    {
        Vector64<sbyte> bytes = NeonRequantize.NarrowFitting(AdvSimd.MultiplyRoundedDoublingSaturateHigh(a, _multiplier0), AdvSimd.MultiplyRoundedDoublingSaturateHigh(b, _multiplier1), _zeroPoint);
        return TClamped.Value == 0 ? bytes : AdvSimd.Min(AdvSimd.Max(bytes, _min), _max);
    }

    /// <summary>Writes the sums of four rows of eight columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Keep(int* sums, Vector128<int> c0, Vector128<int> d0, Vector128<int> c1, Vector128<int> d1,
        Vector128<int> c2, Vector128<int> d2, Vector128<int> c3, Vector128<int> d3)
    {
        Vector128.Store(c0, sums);
        Vector128.Store(d0, sums + 4);
        Vector128.Store(c1, sums + 8);
        Vector128.Store(d1, sums + 12);
        Vector128.Store(c2, sums + 16);
        Vector128.Store(d2, sums + 20);
        Vector128.Store(c3, sums + 24);
        Vector128.Store(d3, sums + 28);
    }

    /// <summary>Finishes any sums, which lie in <see cref="Int8NeonBlock.Edge"/>: rows × 8 columns.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Careful(in Int8NeonBlock block, int row, int rows)
    {
        int* sums = (int*)block.Edge, panel = (int*)block.Panel;
        Vector128<int> m0 = AdvSimd.LoadVector128(panel + 8), m1 = AdvSimd.LoadVector128(panel + 12), shift = Vector128.Create(block.Shift);
        sbyte* y = block.Target(row, 8, out nint pitch);
        // Where bytes go to the sums' own place they are behind what is still to be read.
        for (int i = 0; i < rows; i++, y += pitch, sums += 8)
        {
            Vector128<int> c = AdvSimd.LoadVector128(sums), d = AdvSimd.LoadVector128(sums + 4);
            if (block.Sums != null)
            {
                Vector128<int> s = Vector128.Create(block.Sums[row + i]);
                c = AdvSimd.MultiplySubtract(c, AdvSimd.LoadVector128(panel + 16), s);
                d = AdvSimd.MultiplySubtract(d, AdvSimd.LoadVector128(panel + 20), s);
            }
            Vector64<sbyte> bytes = NeonRequantize.Narrow(NeonRequantize.Scale(c, m0, shift), NeonRequantize.Scale(d, m1, shift), block.ZeroPoint);
            AdvSimd.Store(y, AdvSimd.Min(AdvSimd.Max(bytes, block.Min.GetLower()), block.Max.GetLower()));
        }
        if (block.Columns < 8) block.CopyEdge(row, rows, 8);
    }
}
