using EdgeRuntime.Kernels;

namespace EdgeRuntime.Training;

/// <summary>
/// Convolutions as matrix products: the windows of one image are copied into the rows of a matrix (im2col), [positions,
/// kH·kW·C/group], image by image, so that the copy stays in the cache.
/// </summary>
internal static class ColumnConvolution
{
    public static void Run(Tape tape, ConvolutionShape s, Variable x, Variable weights, Variable? bias, Variable y)
    {
        int positions = s.OutHeight * s.OutWidth, inputs = s.Height * s.Width * s.Channels, outputs = positions * s.OutChannels, depth = s.Depth, perGroup = s.OutPerGroup;
        float[] columns = tape.Rent(Tape.Chunks * positions * depth);
        Segment[] segments = Segments(s);
        tape.For(s.Batch, (from, end, chunk) =>
        {
            for (int n = from; n < end; n++)
            {
                if (bias is not null) DenseOperator.FillRows(bias.Data, y.Data, n * positions, (n + 1) * positions);
                for (int g = 0; g < s.Group; g++)
                {
                    Gather(segments, x.Data.AsSpan(n * inputs + g * s.ChannelsPerGroup, inputs - g * s.ChannelsPerGroup), columns.AsSpan(chunk * positions * depth, positions * depth));
                    tape.Multiply(columns, chunk * positions * depth, false, weights.Data, g * perGroup * depth, true, y.Data, n * outputs + g * perGroup,
                        positions, perGroup, depth, bias is not null, s.OutChannels);
                }
            }
        });
        tape.Record(y, dy =>
        {
            if (bias is { RequiresGradient: true }) DenseOperator.AddRows(tape, dy, s.Batch * positions, s.OutChannels, tape.GradientOf(bias));
            if (weights.RequiresGradient) WeightGradient(tape, s, segments, x, dy, tape.GradientOf(weights));
            if (x.RequiresGradient) InputGradient(tape, s, segments, weights, dy, tape.GradientOf(x));
        });
    }

    private static void WeightGradient(Tape tape, ConvolutionShape s, Segment[] segments, Variable x, float[] dy, float[] dw)
    {
        int positions = s.OutHeight * s.OutWidth, inputs = s.Height * s.Width * s.Channels, depth = s.Depth, perGroup = s.OutPerGroup;
        float[] columns = tape.Rent(Tape.Chunks * positions * depth), partial = tape.Rent(Tape.Chunks * dw.Length);
        Array.Clear(partial);
        tape.For(s.Batch, (from, end, chunk) =>
        {
            for (int n = from; n < end; n++)
                for (int g = 0; g < s.Group; g++)
                {
                    Gather(segments, x.Data.AsSpan(n * inputs + g * s.ChannelsPerGroup, inputs - g * s.ChannelsPerGroup), columns.AsSpan(chunk * positions * depth, positions * depth));
                    tape.Multiply(dy, n * positions * s.OutChannels + g * perGroup, true, columns, chunk * positions * depth, false, partial, chunk * dw.Length + g * perGroup * depth,
                        perGroup, depth, positions, true, stepA: s.OutChannels);
                }
        });
        for (int c = 0; c < Tape.Chunks; c++) VectorMath.Add(partial.AsSpan(c * dw.Length, dw.Length), dw);
    }

    private static void InputGradient(Tape tape, ConvolutionShape s, Segment[] segments, Variable weights, float[] dy, float[] dx)
    {
        int positions = s.OutHeight * s.OutWidth, inputs = s.Height * s.Width * s.Channels, depth = s.Depth, perGroup = s.OutPerGroup;
        float[] columns = tape.Rent(Tape.Chunks * positions * depth);
        tape.For(s.Batch, (from, end, chunk) =>
        {
            for (int n = from; n < end; n++)
                for (int g = 0; g < s.Group; g++)
                {
                    tape.Multiply(dy, n * positions * s.OutChannels + g * perGroup, false, weights.Data, g * perGroup * depth, false, columns, chunk * positions * depth,
                        positions, depth, perGroup, false, stepA: s.OutChannels);
                    Scatter(segments, columns.AsSpan(chunk * positions * depth, positions * depth), dx.AsSpan(n * inputs + g * s.ChannelsPerGroup, inputs - g * s.ChannelsPerGroup));
                }
        });
    }

    /// <summary>Neighbouring elements of a window that are neighbours in the image, too; <paramref name="Image"/> is −1 for padding.</summary>
    private readonly record struct Segment(int Columns, int Image, int Length);

    /// <summary>
    /// The windows of one image, in order: the taps of a row are one segment where nothing lies between them, for copies of few channels
    /// cost more than what they copy.
    /// </summary>
    private static Segment[] Segments(in ConvolutionShape s)
    {
        List<Segment> segments = [];
        int depth = s.ChannelsPerGroup, joined = s.Group == 1 && s.DilationX == 1 ? s.KernelWidth : 1, at = 0;
        for (int oy = 0; oy < s.OutHeight; oy++)
            for (int ox = 0; ox < s.OutWidth; ox++)
                for (int ky = 0; ky < s.KernelHeight; ky++)
                {
                    int iy = oy * s.StrideY - s.PadTop + ky * s.DilationY;
                    for (int kx = 0; kx < s.KernelWidth; kx += joined)
                    {
                        int ix = ox * s.StrideX - s.PadLeft + kx * s.DilationX;
                        // Taps [first, end) of the joined ones lie inside the image.
                        int end = (uint)iy < (uint)s.Height ? Math.Clamp(s.Width - ix, 0, joined) : 0, first = Math.Clamp(-ix, 0, end);
                        Add(-1, first);
                        Add((iy * s.Width + ix + first) * s.Channels, end - first);
                        Add(-1, joined - end);
                    }
                }
        return [.. segments];

        void Add(int image, int taps)
        {
            if (taps > 0) segments.Add(new Segment(at, image, taps * depth));
            at += taps * depth;
        }
    }

    /// <summary>The windows of one image, padding as zeros.</summary>
    private static void Gather(Segment[] segments, ReadOnlySpan<float> image, Span<float> columns)
    {
        foreach (Segment segment in segments)
        {
            if (segment.Image < 0) columns.Slice(segment.Columns, segment.Length).Clear();
            else image.Slice(segment.Image, segment.Length).CopyTo(columns[segment.Columns..]);
        }
    }

    /// <summary>The reverse of <see cref="Gather"/>: adds each window's elements to where they came from.</summary>
    private static void Scatter(Segment[] segments, ReadOnlySpan<float> columns, Span<float> image)
    {
        foreach (Segment segment in segments)
            if (segment.Image >= 0) VectorMath.Add(columns.Slice(segment.Columns, segment.Length), image[segment.Image..]);
    }
}
