using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRuntime.Kernels;

/// <summary>
/// The loops of <see cref="ConvolutionInt8Depthwise3x3"/> on 16 channels: input rows are zipped in pairs, so that a vector holds two rows of 8 channels and
/// VPMADDWD multiplies two taps of a column. A window lies in two such pairs, of which it leaves out the last row or, where it begins in an odd row, the first.
/// </summary>
/// <typeparam name="TStep">Input columns from one output column to the next.</typeparam>
/// <typeparam name="TColumn">Channels of an input column: 16, or 8 where an output column is two pixels of 8 channels.</typeparam>
internal static unsafe class DepthwisePairRows<TStep, TColumn>
    where TStep : struct, ICount
    where TColumn : struct, ICount
{
    private const int Lanes = 16, Half = 8, MostColumns = 6, Tap = 2 * Half;

    /// <summary>Input rows from one output row to the next: as columns, of which two pixels of 8 channels are one.</summary>
    private static int RowStep => TStep.Value * TColumn.Value / Lanes;

    /// <summary>Output rows [<paramref name="row"/>, row + <paramref name="count"/>) of a chunk of channels; <paramref name="ring"/> has room for <see cref="ConvolutionInt8Depthwise3x3.Layout.Pairs"/> zipped pairs.</summary>
    public static void Run(in ConvolutionInt8Call call, in ConvolutionInt8Depthwise3x3.Layout layout, int* ring, int chunk, int image, int row, int count)
    {
        ref readonly ConvolutionShape s = ref call.Shape;
        int y = row * RowStep - s.PadTop, kept = 0;
        sbyte* input = call.Input + (long)image * s.Height * s.Width * s.Channels + chunk * Lanes;
        int** pairs = stackalloc int*[layout.Pairs];
        int* next = ring, end = ring + layout.Pairs * layout.RowElements;
        Tile tile = new()
        {
            Pairs = pairs,
            Packed = (int*)(call.Packed + (long)chunk * ConvolutionInt8Depthwise3x3.Layout.ChunkBytes),
            Output = call.Output + ((long)image * s.OutHeight + row) * s.OutWidth * s.Channels + chunk * Lanes,
            OutputPitch = s.OutWidth * s.Channels,
            Stride = TColumn.Value == Half ? Lanes : s.Channels,
            Constants = new(call),
        };
        for (; count > 0; count -= tile.Rows, tile.Output += tile.Rows * tile.OutputPitch)
        {
            tile.Rows = Math.Min(layout.BlockRows, count);
            int needed = (tile.Rows - 1) * RowStep / 2 + 2;
            for (int i = kept; i < needed; i++, y += 2)
            {
                pairs[i] = next;
                Zip(call, input, y, next + layout.Left);
                next += layout.RowElements;
                if (next == end) next = ring;
            }
            RunBlock(tile, layout.Columns);
            // The last pair of a block is the first of the next.
            pairs[0] = pairs[needed - 1];
            kept = 1;
        }
    }

    /// <summary>Zips rows <paramref name="y"/> and y + 1, padding where there is none.</summary>
    private static void Zip(in ConvolutionInt8Call call, sbyte* input, int y, int* to)
    {
        ref readonly ConvolutionShape s = ref call.Shape;
        Vector128<sbyte> padding = Vector128.Create((sbyte)call.InputZeroPoint);
        nint pitch = (nint)s.Width * s.Channels, step = TColumn.Value == Half ? Lanes : s.Channels;
        bool hasFirst = (uint)y < (uint)s.Height, hasSecond = (uint)(y + 1) < (uint)s.Height;
        sbyte* first = hasFirst ? input + y * pitch : (sbyte*)&padding, second = hasSecond ? input + (y + 1) * pitch : (sbyte*)&padding;
        nint firstStep = hasFirst ? step : 0, secondStep = hasSecond ? step : 0;
        for (int columns = s.Width * TColumn.Value / Lanes; columns > 0; columns--, first += firstStep, second += secondStep, to += Lanes)
        {
            if (TColumn.Value == Half)
            {
                // A window may begin with either pixel: both halves in order.
                Vector128<sbyte> a = Vector128.Load(first), b = Vector128.Load(second);
                Avx2.ConvertToVector256Int16(Sse2.UnpackLow(a, b)).AsInt32().Store(to);
                Avx2.ConvertToVector256Int16(Sse2.UnpackHigh(a, b)).AsInt32().Store(to + Half);
            }
            else InterleavedTaps.Interleave(first, second, to);
        }
        if (TColumn.Value == Half && s.Width % 2 != 0)
            Avx2.ConvertToVector256Int16(Sse2.UnpackLow(Vector128.CreateScalarUnsafe(*(long*)first).AsSByte(), Vector128.CreateScalarUnsafe(*(long*)second).AsSByte())).AsInt32().Store(to);
    }

    /// <summary>Tiles of 6 columns, then two about equal ones rather than a full and a narrow one, whose few sums would wait for each other's additions.</summary>
    private static void RunBlock(in Tile tile, int columns)
    {
        int full = columns / MostColumns, left = columns % MostColumns;
        if (left is > 0 and < 4 && full > 0) (full, left) = (full - 1, left + MostColumns);
        if (full > 0) Run<N6>(tile, 0, full);
        if (left == 0) return;
        int size = left > MostColumns ? (left + 1) / 2 : left, count = left / size;
        Run(size, tile, full * MostColumns, count);
        if (size * count < left) Run(left - size, tile, full * MostColumns + size, 1);
    }

    private static void Run(int size, in Tile tile, int column, int count)
    {
        switch (size)
        {
            case 1: Run<N1>(tile, column, count); break;
            case 2: Run<N2>(tile, column, count); break;
            case 3: Run<N3>(tile, column, count); break;
            case 4: Run<N4>(tile, column, count); break;
            case 5: Run<N5>(tile, column, count); break;
        }
    }

    /// <summary>In all rows of a block <paramref name="count"/> tiles of up to 6 columns from <paramref name="column"/> on, whose sums stay in registers.</summary>
    private static void Run<TColumns>(in Tile tile, int column, int count) where TColumns : struct, ICount
    {
        for (int row = 0; row < tile.Rows; row++)
        {
            int** pairs = tile.Pairs + row * RowStep / 2;
            nint offset = (nint)column * TStep.Value * TColumn.Value;
            int* w = tile.Packed + ConvolutionInt8Depthwise3x3.Layout.HeaderInts + row * RowStep % 2 * ConvolutionInt8Depthwise3x3.Layout.WeightInts;
            RunRow<TColumns>(tile, pairs[0] + offset, pairs[1] + offset, w, tile.Output + (nint)row * tile.OutputPitch + column * tile.Stride, count);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void RunRow<TColumns>(in Tile tile, int* first, int* second, int* w, sbyte* output, int count) where TColumns : struct, ICount
    {
        nint stride = tile.Stride;
        for (; count > 0; count--)
        {
            Vector256<int> l0 = Vector256.Load(tile.Packed), l1 = l0, l2 = l0, l3 = l0, l4 = l0, l5 = l0;
            Vector256<int> h0 = Vector256.Load(tile.Packed + Half), h1 = h0, h2 = h0, h3 = h0, h4 = h0, h5 = h0;
            AddTap<TColumns>(first, w, ref l0, ref l1, ref l2, ref l3, ref l4, ref l5, ref h0, ref h1, ref h2, ref h3, ref h4, ref h5);
            AddTap<TColumns>(first + TColumn.Value, w + 1 * Tap, ref l0, ref l1, ref l2, ref l3, ref l4, ref l5, ref h0, ref h1, ref h2, ref h3, ref h4, ref h5);
            AddTap<TColumns>(first + 2 * TColumn.Value, w + 2 * Tap, ref l0, ref l1, ref l2, ref l3, ref l4, ref l5, ref h0, ref h1, ref h2, ref h3, ref h4, ref h5);
            AddTap<TColumns>(second, w + 3 * Tap, ref l0, ref l1, ref l2, ref l3, ref l4, ref l5, ref h0, ref h1, ref h2, ref h3, ref h4, ref h5);
            AddTap<TColumns>(second + TColumn.Value, w + 4 * Tap, ref l0, ref l1, ref l2, ref l3, ref l4, ref l5, ref h0, ref h1, ref h2, ref h3, ref h4, ref h5);
            AddTap<TColumns>(second + 2 * TColumn.Value, w + 5 * Tap, ref l0, ref l1, ref l2, ref l3, ref l4, ref l5, ref h0, ref h1, ref h2, ref h3, ref h4, ref h5);
            Store(tile, output, l0, h0, TColumns.Value > 1, l1, h1);
            if (TColumns.Value > 2) Store(tile, output + 2 * stride, l2, h2, TColumns.Value > 3, l3, h3);
            if (TColumns.Value > 4) Store(tile, output + 4 * stride, l4, h4, TColumns.Value > 5, l5, h5);
            first += TColumns.Value * TStep.Value * TColumn.Value;
            second += TColumns.Value * TStep.Value * TColumn.Value;
            output += TColumns.Value * stride;
        }
    }

    /// <summary>
    /// A pair of taps: inputs are operands in memory, which leaves the registers to sums; both halves in turn, as two loads of a cycle must come
    /// from different banks of the cache.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddTap<TColumns>(int* x, int* w, ref Vector256<int> l0, ref Vector256<int> l1, ref Vector256<int> l2,
        ref Vector256<int> l3, ref Vector256<int> l4, ref Vector256<int> l5, ref Vector256<int> h0, ref Vector256<int> h1, ref Vector256<int> h2,
        ref Vector256<int> h3, ref Vector256<int> h4, ref Vector256<int> h5)
        where TColumns : struct, ICount
    {
        int step = TStep.Value * TColumn.Value;
        Vector256<int> low = Vector256.Load(w), high = Vector256.Load(w + Half);
        AddColumn(x, 0, low, high, ref l0, ref h0);
        if (TColumns.Value > 1) AddColumn(x, step, low, high, ref l1, ref h1);
        if (TColumns.Value > 2) AddColumn(x, 2 * step, low, high, ref l2, ref h2);
        if (TColumns.Value > 3) AddColumn(x, 3 * step, low, high, ref l3, ref h3);
        if (TColumns.Value > 4) AddColumn(x, 4 * step, low, high, ref l4, ref h4);
        if (TColumns.Value > 5) AddColumn(x, 5 * step, low, high, ref l5, ref h5);
    }

    /// <summary>Both products before the sums: in that order the core puts fewer additions in the multipliers' way (7.4 cycles for 24 instructions in a bare loop, 8.5 by turns).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddColumn(int* x, nint at, Vector256<int> low, Vector256<int> high, ref Vector256<int> l, ref Vector256<int> h)
    {
        Vector256<int> a = Avx2.MultiplyAddAdjacent(low.AsInt16(), Vector256.Load((short*)(x + at))), b = Avx2.MultiplyAddAdjacent(high.AsInt16(), Vector256.Load((short*)(x + at + Half)));
        l += a;
        h += b;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(in Tile tile, sbyte* output, Vector256<int> a0, Vector256<int> a1, bool both, Vector256<int> b0, Vector256<int> b1)
    {
        float* scales = (float*)(tile.Packed + Lanes);
        a0 = Int8FloatOutput.Round(a0, scales, tile.Constants);
        a1 = Int8FloatOutput.Round(a1, scales + Half, tile.Constants);
        if (both) b0 = Int8FloatOutput.Round(b0, scales, tile.Constants);
        if (both) b1 = Int8FloatOutput.Round(b1, scales + Half, tile.Constants);
        Int8FloatOutput.Store<N2>(a0, a1, output, both, b0, b1, output + tile.Stride, tile.Constants, isInterleaved: TColumn.Value == Lanes);
    }

    /// <summary>A block of rows: its zipped pairs, where it is written, weights, biases and scales, and the constants of requantisation.</summary>
    private struct Tile
    {
        public int** Pairs;
        public int* Packed;
        public sbyte* Output;
        public nint OutputPitch, Stride;
        public int Rows;
        public Int8FloatOutput Constants;
    }
}
