using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Input rows for depthwise windows of three rows, four at a time and zipped: [quad][column][channel][row]. Quad q has rows 2q to 2q + 3 of the padded image; a strip is as many quads as are made
/// at once. ST4 does the zipping.
/// </summary>
internal readonly unsafe struct DepthwiseQuads
{
    private readonly ConvolutionShape _shape;
    private readonly int _left, _columns, _right;

    /// <summary>Quads of about <paramref name="stripBytes"/> bytes make a strip.</summary>
    public DepthwiseQuads(in ConvolutionShape s, int stripBytes)
    {
        _shape = s;
        int needed = (s.OutWidth - 1) * s.StrideX + s.KernelWidth;
        _left = Math.Min(s.PadLeft, needed);
        _columns = Math.Min(s.Width, needed - _left);
        _right = needed - _left - _columns;
        Pitch = (nint)needed * s.Channels * 4;
        Strip = (int)Math.Max(1, stripBytes / Pitch);
    }

    /// <summary>Bytes of a quad.</summary>
    public nint Pitch { get; }

    /// <summary>Quads of a strip.</summary>
    public int Strip { get; }

    /// <summary>Bytes for a strip, and behind it a row of padding; a multiple of 64.</summary>
    public long Bytes => (Strip * Pitch + (long)_shape.Width * _shape.Channels + 63) & ~63L;

    /// <summary>Writes what stays: the row of padding, and the padded columns of <paramref name="count"/> quads.</summary>
    public void FillBorder(sbyte* strip, int count, sbyte padding)
    {
        new Span<sbyte>(strip + Strip * Pitch, _shape.Width * _shape.Channels).Fill(padding);
        int left = _left * _shape.Channels * 4, right = _right * _shape.Channels * 4;
        Vector128<sbyte> value = Vector128.Create(padding);
        // The right border of a quad and the left one of the next are one piece.
        Fill(strip, left, value);
        for (count = Math.Min(count, Strip); count > 1; count--, strip += Pitch) Fill(strip + Pitch - right, right + left, value);
        Fill(strip + Pitch - right, right, value);
    }

    /// <summary>Writes <paramref name="count"/> quads of image <paramref name="n"/>, the first being number <paramref name="quad"/>, between their padded columns.</summary>
    public void Zip(sbyte* input, int n, int quad, int count, sbyte* strip)
    {
        sbyte* border = strip + Strip * Pitch, to = strip + _left * _shape.Channels * 4;
        nint pitch = (nint)_shape.Width * _shape.Channels, bytes = (nint)_columns * _shape.Channels;
        int y = 2 * quad - _shape.PadTop;
        sbyte* x = input + ((long)n * _shape.Height + y) * pitch;
        for (; count > 0; count--, y += 2, x += 2 * pitch, to += Pitch)
        {
            sbyte* x0 = x, x1 = x0 + pitch, x2 = x1 + pitch, x3 = x2 + pitch;
            if (y < 0 || y + 3 >= _shape.Height)
            {
                if (!IsInside(y)) x0 = border;
                if (!IsInside(y + 1)) x1 = border;
                if (!IsInside(y + 2)) x2 = border;
                if (!IsInside(y + 3)) x3 = border;
            }
            Zip(x0, x1, x2, x3, bytes, to);
        }
    }

    private bool IsInside(int row) => (uint)row < (uint)_shape.Height;

    /// <summary>Bytes are a multiple of 32: eight channels or more.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Fill(sbyte* to, int bytes, Vector128<sbyte> value)
    {
        sbyte* end = to + bytes;
        for (; to <= end - 128; to += 128)
        {
            Vector128.Store(value, to);
            Vector128.Store(value, to + 16);
            Vector128.Store(value, to + 32);
            Vector128.Store(value, to + 48);
            Vector128.Store(value, to + 64);
            Vector128.Store(value, to + 80);
            Vector128.Store(value, to + 96);
            Vector128.Store(value, to + 112);
        }
        for (; to < end; to += 32)
        {
            Vector128.Store(value, to);
            Vector128.Store(value, to + 16);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Zip(sbyte* x0, sbyte* x1, sbyte* x2, sbyte* x3, nint bytes, sbyte* to)
    {
        sbyte* end = x0 + bytes;
        for (; x0 <= end - 64; to += 256)
        {
            Sixteen(ref x0, ref x1, ref x2, ref x3, to);
            Sixteen(ref x0, ref x1, ref x2, ref x3, to + 64);
            Sixteen(ref x0, ref x1, ref x2, ref x3, to + 128);
            Sixteen(ref x0, ref x1, ref x2, ref x3, to + 192);
        }
        for (; x0 <= end - 16; to += 64) Sixteen(ref x0, ref x1, ref x2, ref x3, to);
        for (; x0 < end; x0++, x1++, x2++, x3++, to += 4) (to[0], to[1], to[2], to[3]) = (*x0, *x1, *x2, *x3);
    }

    /// <summary>The next 16 bytes of four rows. The compiler lets loads add to their addresses; what it loads as pairs it would move to the registers that ST4 wants.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Sixteen(ref sbyte* x0, ref sbyte* x1, ref sbyte* x2, ref sbyte* x3, sbyte* to)
    {
        AdvSimd.Arm64.StoreVectorAndZip(to, (Vector128.Load(x0), Vector128.Load(x1), Vector128.Load(x2), Vector128.Load(x3)));
        x0 += 16;
        x1 += 16;
        x2 += 16;
        x3 += 16;
    }
}
