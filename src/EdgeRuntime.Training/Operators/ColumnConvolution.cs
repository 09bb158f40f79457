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
        tape.For(s.Batch, (from, end, chunk) =>
        {
            for (int n = from; n < end; n++)
            {
                if (bias is not null) DenseOperator.FillRows(bias.Data, y.Data, n * positions, (n + 1) * positions);
                for (int g = 0; g < s.Group; g++)
                {
                    Gather(s, g, x.Data.AsSpan(n * inputs, inputs), columns.AsSpan(chunk * positions * depth, positions * depth));
                    tape.Multiply(columns, chunk * positions * depth, false, weights.Data, g * perGroup * depth, true, y.Data, n * outputs + g * perGroup,
                        positions, perGroup, depth, bias is not null, s.OutChannels);
                }
            }
        });
        tape.Record(y, dy =>
        {
            if (bias is { RequiresGradient: true }) DenseOperator.AddRows(tape, dy, s.Batch * positions, s.OutChannels, tape.GradientOf(bias));
            if (weights.RequiresGradient) WeightGradient(tape, s, x, dy, tape.GradientOf(weights));
            if (x.RequiresGradient) InputGradient(tape, s, weights, dy, tape.GradientOf(x));
        });
    }

    private static void WeightGradient(Tape tape, ConvolutionShape s, Variable x, float[] dy, float[] dw)
    {
        int positions = s.OutHeight * s.OutWidth, inputs = s.Height * s.Width * s.Channels, depth = s.Depth, perGroup = s.OutPerGroup;
        float[] columns = tape.Rent(Tape.Chunks * positions * depth), partial = tape.Rent(Tape.Chunks * dw.Length);
        Array.Clear(partial);
        tape.For(s.Batch, (from, end, chunk) =>
        {
            for (int n = from; n < end; n++)
                for (int g = 0; g < s.Group; g++)
                {
                    Gather(s, g, x.Data.AsSpan(n * inputs, inputs), columns.AsSpan(chunk * positions * depth, positions * depth));
                    tape.Multiply(dy, n * positions * s.OutChannels + g * perGroup, true, columns, chunk * positions * depth, false, partial, chunk * dw.Length + g * perGroup * depth,
                        perGroup, depth, positions, true, stepA: s.OutChannels);
                }
        });
        for (int c = 0; c < Tape.Chunks; c++) VectorMath.Add(partial.AsSpan(c * dw.Length, dw.Length), dw);
    }

    private static void InputGradient(Tape tape, ConvolutionShape s, Variable weights, float[] dy, float[] dx)
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
                    Scatter(s, g, columns.AsSpan(chunk * positions * depth, positions * depth), dx.AsSpan(n * inputs, inputs));
                }
        });
    }

    /// <summary>The windows of one image, padding as zeros.</summary>
    private static void Gather(in ConvolutionShape s, int group, ReadOnlySpan<float> image, Span<float> columns)
    {
        int depth = s.ChannelsPerGroup, at = 0;
        for (int oy = 0; oy < s.OutHeight; oy++)
            for (int ox = 0; ox < s.OutWidth; ox++)
                for (int ky = 0; ky < s.KernelHeight; ky++)
                {
                    int iy = oy * s.StrideY - s.PadTop + ky * s.DilationY;
                    for (int kx = 0; kx < s.KernelWidth; kx++, at += depth)
                    {
                        int ix = ox * s.StrideX - s.PadLeft + kx * s.DilationX;
                        Span<float> to = columns.Slice(at, depth);
                        if ((uint)iy >= (uint)s.Height || (uint)ix >= (uint)s.Width) to.Clear();
                        else image.Slice((iy * s.Width + ix) * s.Channels + group * depth, depth).CopyTo(to);
                    }
                }
    }

    /// <summary>The reverse of <see cref="Gather"/>: adds each window's elements to where they came from.</summary>
    private static void Scatter(in ConvolutionShape s, int group, ReadOnlySpan<float> columns, Span<float> image)
    {
        int depth = s.ChannelsPerGroup, at = 0;
        for (int oy = 0; oy < s.OutHeight; oy++)
            for (int ox = 0; ox < s.OutWidth; ox++)
                for (int ky = 0; ky < s.KernelHeight; ky++)
                {
                    int iy = oy * s.StrideY - s.PadTop + ky * s.DilationY;
                    for (int kx = 0; kx < s.KernelWidth; kx++, at += depth)
                    {
                        int ix = ox * s.StrideX - s.PadLeft + kx * s.DilationX;
                        if ((uint)iy < (uint)s.Height && (uint)ix < (uint)s.Width)
                            VectorMath.Add(columns.Slice(at, depth), image.Slice((iy * s.Width + ix) * s.Channels + group * depth, depth));
                    }
                }
    }
}
