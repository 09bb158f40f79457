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

    /// <summary>As <see cref="Plain"/>, and the zero point is −128, as behind a ReLU: saturated to 0 to 255 and their highest bit inverted, one instruction for all columns in place of two additions.</summary>
    Unsigned,

    /// <summary>Anything: weights with zero points, factors of 1 and more, scaled sums of more than 16 bits.</summary>
    Careful,
}

/// <summary>Requantises and stores rows of 8 or 16 columns whose scaled sums are known to fit 16 bits; <see cref="Careful"/> does all others.</summary>
internal readonly unsafe struct Int8NeonEpilogue
{
    private const int Nr = ConvolutionInt8NeonDotGemm.Nr;

    private readonly Vector128<int> _multiplier0, _multiplier1, _multiplier2, _multiplier3;
    private readonly Vector128<short> _zeroPoint;
    private readonly Vector128<sbyte> _min, _max;

    private Int8NeonEpilogue(in Int8NeonBlock block, Vector128<int> m0, Vector128<int> m1, Vector128<int> m2, Vector128<int> m3) =>
        (_multiplier0, _multiplier1, _multiplier2, _multiplier3, _zeroPoint, _min, _max) = (m0, m1, m2, m3, block.ZeroPoint, block.Min, block.Max);

    /// <summary>Takes the multipliers of the block's panel, which the caller has in a register.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Int8NeonEpilogue Of<TVectors>(in Int8NeonBlock block, int* panel) where TVectors : struct, ICount =>
        new(block, AdvSimd.LoadVector128(panel + Nr), AdvSimd.LoadVector128(panel + Nr + 4),
            TVectors.Value > 1 ? AdvSimd.LoadVector128(panel + Nr + 8) : default, TVectors.Value > 1 ? AdvSimd.LoadVector128(panel + Nr + 12) : default);

    /// <summary>One row of 8 or 16 columns, <paramref name="at"/> elements behind <paramref name="y"/>: apart, as the store adds them. TFinish is that of the sums; of unsigned ones the least output is −128.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store<TVectors, TFinish>(sbyte* y, nint at, Vector128<int> a, Vector128<int> b, Vector128<int> c, Vector128<int> d)
        where TVectors : struct, ICount where TFinish : struct, ICount
    {
        a = AdvSimd.MultiplyRoundedDoublingSaturateHigh(a, _multiplier0);
        b = AdvSimd.MultiplyRoundedDoublingSaturateHigh(b, _multiplier1);
        if (TVectors.Value > 1) c = AdvSimd.MultiplyRoundedDoublingSaturateHigh(c, _multiplier2);
        if (TVectors.Value > 1) d = AdvSimd.MultiplyRoundedDoublingSaturateHigh(d, _multiplier3);
        Vector64<sbyte> lower = TFinish.Value == (int)Int8NeonFinish.Unsigned ? NeonRequantize.NarrowUnsigned(a, b).AsSByte() : NeonRequantize.NarrowFitting(a, b, _zeroPoint);
        if (TVectors.Value == 1)
        {
            if (TFinish.Value == (int)Int8NeonFinish.Unsigned) lower ^= _min.GetLower();
            if (TFinish.Value == (int)Int8NeonFinish.Clamped) lower = AdvSimd.Min(AdvSimd.Max(lower, _min.GetLower()), _max.GetLower());
            AdvSimd.Store(y + at, lower);
            return;
        }
        Vector128<sbyte> bytes = TFinish.Value == (int)Int8NeonFinish.Unsigned ? NeonRequantize.NarrowUnsignedUpper(lower.AsByte(), c, d).AsSByte() ^ _min
            : NeonRequantize.NarrowFittingUpper(lower, c, d, _zeroPoint);
        if (TFinish.Value == (int)Int8NeonFinish.Clamped) bytes = NeonRequantize.Clamp(bytes, _min, _max);
        AdvSimd.Store(y + at, bytes);
    }

    /// <summary>Writes the sums of two rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Keep<TVectors>(int* sums, Vector128<int> a0, Vector128<int> b0, Vector128<int> c0, Vector128<int> d0,
        Vector128<int> a1, Vector128<int> b1, Vector128<int> c1, Vector128<int> d1) where TVectors : struct, ICount
    {
        Vector128.Store(a0, sums);
        Vector128.Store(b0, sums + 4);
        Vector128.Store(a1, sums + Nr);
        Vector128.Store(b1, sums + Nr + 4);
        if (TVectors.Value == 1) return;
        Vector128.Store(c0, sums + 8);
        Vector128.Store(d0, sums + 12);
        Vector128.Store(c1, sums + Nr + 8);
        Vector128.Store(d1, sums + Nr + 12);
    }

    /// <summary>Finishes any sums, which lie in <see cref="Int8NeonBlock.Edge"/>: rows × 16 columns, of which 8 or 16 count.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Careful<TVectors>(in Int8NeonBlock block, int row, int rows) where TVectors : struct, ICount
    {
        int* sums = (int*)block.Edge, m = (int*)block.Panel + Nr;
        bool whole = block.Columns == 8 * TVectors.Value;
        nint pitch = whole ? (nint)block.OutputPitch : Nr;
        Vector128<int> shift = Vector128.Create(block.Shift);
        // Where bytes go to the sums' own place they are behind what is still to be read.
        sbyte* y = whole ? block.Output + row * pitch : block.Edge;
        for (int i = 0; i < rows; i++, y += pitch, sums += Nr)
            for (int column = 0; column < 8 * TVectors.Value; column += 8)
            {
                Vector128<int> a = AdvSimd.LoadVector128(sums + column), b = AdvSimd.LoadVector128(sums + column + 4);
                if (block.Sums != null)
                {
                    Vector128<int> s = Vector128.Create(block.Sums[row + i]);
                    a = AdvSimd.MultiplySubtract(a, AdvSimd.LoadVector128(m + Nr + column), s);
                    b = AdvSimd.MultiplySubtract(b, AdvSimd.LoadVector128(m + Nr + column + 4), s);
                }
                Vector64<sbyte> bytes = NeonRequantize.Narrow(NeonRequantize.Scale(a, AdvSimd.LoadVector128(m + column), shift),
                    NeonRequantize.Scale(b, AdvSimd.LoadVector128(m + column + 4), shift), block.ZeroPoint);
                AdvSimd.Store(y + column, AdvSimd.Min(AdvSimd.Max(bytes, block.Min.GetLower()), block.Max.GetLower()));
            }
        if (!whole) block.CopyEdge(row, rows, Nr);
    }
}
