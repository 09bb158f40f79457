using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRuntime.Kernels;

/// <summary>
/// The loops of <see cref="ConvolutionInt8Depthwise3x3"/>: up to 6 output columns at once, whose accumulators of 8 channels stay in
/// registers, so that each input is loaded once for all the columns whose windows hold it.
/// </summary>
/// <typeparam name="TStep">Input columns from one output column to the next.</typeparam>
/// <typeparam name="TColumn">Floats of an input column: 16, or 8 where an output column is two pixels of 8 channels.</typeparam>
internal static unsafe class DepthwiseFloatRows<TStep, TColumn>
    where TStep : struct, ICount
    where TColumn : struct, ICount
{
    private const int Lanes = 16, Half = 8, WindowRows = 3;

    /// <summary>Output rows [<paramref name="row"/>, row + <paramref name="count"/>) of a chunk of channels; <paramref name="rows"/> has room for three converted rows.</summary>
    public static void Run(in ConvolutionInt8Call call, in ConvolutionInt8Depthwise3x3.Layout layout, float* rows, int chunk, int image, int row, int count)
    {
        ref readonly ConvolutionShape s = ref call.Shape;
        int pitch = s.Width * s.Channels, outputPitch = s.OutWidth * s.Channels, first = row * s.StrideY - s.PadTop, made = first;
        sbyte* input = call.Input + (long)image * s.Height * pitch + chunk * Lanes;
        sbyte* output = call.Output + ((long)image * s.OutHeight + row) * outputPitch + chunk * Lanes;
        Tile tile = new()
        {
            Weights = (float*)(call.Packed + (long)chunk * ConvolutionInt8Depthwise3x3.Layout.ChunkBytes),
            Stride = layout.IsFlat ? Lanes : s.Channels,
            Constants = new(call),
        };
        for (int top = first; count > 0; count--, top += s.StrideY, output += outputPitch)
        {
            for (; made < top + WindowRows; made++)
            {
                float* to = rows + (made - first) % WindowRows * layout.RowElements;
                if ((uint)made < (uint)s.Height) Convert(input + (long)made * pitch, to + layout.Left, s.Width, s.Channels);
                else new Span<float>(to, layout.RowElements).Fill(call.InputZeroPoint);
            }
            int at = (top - first) % WindowRows;
            tile.Row0 = rows + at * layout.RowElements;
            tile.Row1 = rows + (at + 1) % WindowRows * layout.RowElements;
            tile.Row2 = rows + (at + 2) % WindowRows * layout.RowElements;
            tile.Output = output;
            RunRow(ref tile, layout.Columns);
        }
    }

    private static void Convert(sbyte* from, float* to, int width, int channels)
    {
        for (; width > 0; width--, from += channels, to += TColumn.Value)
        {
            Avx.ConvertToVector256Single(Avx2.ConvertToVector256Int32(from)).Store(to);
            if (TColumn.Value > Half) Avx.ConvertToVector256Single(Avx2.ConvertToVector256Int32(from + Half)).Store(to + Half);
        }
    }

    // By reference: a copy would read in whole vectors what was just written in words, for which the processor waits.
    private static void RunRow(ref Tile tile, int left)
    {
        int most = TStep.Value == 1 ? 6 : 4;
        for (; left >= most; left -= most)
        {
            if (TStep.Value == 1) Run<N6>(tile);
            else Run<N4>(tile);
            tile.Skip(most);
        }
        switch (left)
        {
            case 1: Run<N1>(tile); break;
            case 2: Run<N2>(tile); break;
            case 3: Run<N3>(tile); break;
            case 4 when TStep.Value == 1: Run<N4>(tile); break;
            case 5 when TStep.Value == 1: Run<N5>(tile); break;
        }
    }

    private static void Run<TColumns>(in Tile tile) where TColumns : struct, ICount
    {
        Sums<TColumns>(tile, 0, out var l0, out var l1, out var l2, out var l3, out var l4, out var l5);
        Sums<TColumns>(tile, Half, out var h0, out var h1, out var h2, out var h3, out var h4, out var h5);
        sbyte* output = tile.Output;
        nint stride = tile.Stride;
        Int8FloatOutput.Store<N2>(l0, h0, output, TColumns.Value > 1, l1, h1, output + stride, tile.Constants);
        if (TColumns.Value > 2) Int8FloatOutput.Store<N2>(l2, h2, output + 2 * stride, TColumns.Value > 3, l3, h3, output + 3 * stride, tile.Constants);
        if (TColumns.Value > 4) Int8FloatOutput.Store<N2>(l4, h4, output + 4 * stride, TColumns.Value > 5, l5, h5, output + 5 * stride, tile.Constants);
    }

    /// <summary>Requantised sums of 8 channels of up to 6 columns; where there is no such column, those of the one before.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Sums<TColumns>(in Tile tile, int half, out Vector256<int> s0, out Vector256<int> s1, out Vector256<int> s2, out Vector256<int> s3,
        out Vector256<int> s4, out Vector256<int> s5) where TColumns : struct, ICount
    {
        float* w = tile.Weights + half / Half * ConvolutionInt8Depthwise3x3.Layout.HalfFloats;
        Vector256<float> a0 = Vector256.Load(w + 9 * Half), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0;
        AddRow<TColumns>(tile.Row0 + half, w, ref a0, ref a1, ref a2, ref a3, ref a4, ref a5);
        AddRow<TColumns>(tile.Row1 + half, w + 3 * Half, ref a0, ref a1, ref a2, ref a3, ref a4, ref a5);
        AddRow<TColumns>(tile.Row2 + half, w + 6 * Half, ref a0, ref a1, ref a2, ref a3, ref a4, ref a5);
        Vector256<float> scale = Vector256.Load(w + 10 * Half);
        s0 = Int8FloatOutput.Round(a0, scale, tile.Constants);
        s1 = TColumns.Value > 1 ? Int8FloatOutput.Round(a1, scale, tile.Constants) : s0;
        s2 = TColumns.Value > 2 ? Int8FloatOutput.Round(a2, scale, tile.Constants) : s0;
        s3 = TColumns.Value > 3 ? Int8FloatOutput.Round(a3, scale, tile.Constants) : s2;
        s4 = TColumns.Value > 4 ? Int8FloatOutput.Round(a4, scale, tile.Constants) : s0;
        s5 = TColumns.Value > 5 ? Int8FloatOutput.Round(a5, scale, tile.Constants) : s4;
    }

    /// <summary>One row of the window: input column i meets output column j at tap i − j · step.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddRow<TColumns>(float* x, float* w, ref Vector256<float> a0, ref Vector256<float> a1, ref Vector256<float> a2,
        ref Vector256<float> a3, ref Vector256<float> a4, ref Vector256<float> a5) where TColumns : struct, ICount
    {
        Vector256<float> w0 = Vector256.Load(w), w1 = Vector256.Load(w + Half), w2 = Vector256.Load(w + 2 * Half), edge = Vector256.Load(x);
        if (TStep.Value == 1)
        {
            Vector256<float> next = Vector256.Load(x + TColumn.Value);
            AddOverlapping<TColumns, N0>(x, w0, w1, w2, ref edge, ref next, ref a0);
            AddOverlapping<TColumns, N1>(x, w0, w1, w2, ref edge, ref next, ref a1);
            AddOverlapping<TColumns, N2>(x, w0, w1, w2, ref edge, ref next, ref a2);
            AddOverlapping<TColumns, N3>(x, w0, w1, w2, ref edge, ref next, ref a3);
            AddOverlapping<TColumns, N4>(x, w0, w1, w2, ref edge, ref next, ref a4);
            AddOverlapping<TColumns, N5>(x, w0, w1, w2, ref edge, ref next, ref a5);
        }
        else
        {
            AddApart<TColumns, N0>(x, w0, w1, w2, ref edge, ref a0);
            AddApart<TColumns, N1>(x, w0, w1, w2, ref edge, ref a1);
            AddApart<TColumns, N2>(x, w0, w1, w2, ref edge, ref a2);
            AddApart<TColumns, N3>(x, w0, w1, w2, ref edge, ref a3);
        }
    }

    /// <summary>Windows that share two columns: <paramref name="first"/> and <paramref name="second"/> are this one's, and become the next one's.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddOverlapping<TColumns, TIndex>(float* x, Vector256<float> w0, Vector256<float> w1, Vector256<float> w2,
        ref Vector256<float> first, ref Vector256<float> second, ref Vector256<float> sum) where TColumns : struct, ICount where TIndex : struct, ICount
    {
        if (TIndex.Value >= TColumns.Value) return;
        Vector256<float> third = Vector256.Load(x + (TIndex.Value + 2) * TColumn.Value);
        sum = Fma.MultiplyAdd(third, w2, Fma.MultiplyAdd(second, w1, Fma.MultiplyAdd(first, w0, sum)));
        (first, second) = (second, third);
    }

    /// <summary>Windows that share one column: the last of this one is the first of the next.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddApart<TColumns, TIndex>(float* x, Vector256<float> w0, Vector256<float> w1, Vector256<float> w2, ref Vector256<float> first, ref Vector256<float> sum)
        where TColumns : struct, ICount where TIndex : struct, ICount
    {
        if (TIndex.Value >= TColumns.Value) return;
        Vector256<float> third = Vector256.Load(x + (2 * TIndex.Value + 2) * TColumn.Value);
        sum = Fma.MultiplyAdd(third, w2, Fma.MultiplyAdd(Vector256.Load(x + (2 * TIndex.Value + 1) * TColumn.Value), w1, Fma.MultiplyAdd(first, w0, sum)));
        first = third;
    }

    /// <summary>Where a row's next columns are read and written, and the constants of their requantisation.</summary>
    private struct Tile
    {
        public float* Row0, Row1, Row2, Weights;
        public sbyte* Output;
        public nint Stride;
        public Int8FloatOutput Constants;

        public void Skip(int columns)
        {
            Row0 += columns * TStep.Value * TColumn.Value;
            Row1 += columns * TStep.Value * TColumn.Value;
            Row2 += columns * TStep.Value * TColumn.Value;
            Output += columns * Stride;
        }
    }
}
