using EdgeRuntime.Kernels;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Training;

/// <summary>Strides, dilations and padding of a convolution or pool.</summary>
/// <param name="StrideY">Rows from window to window.</param>
/// <param name="StrideX">Columns from window to window.</param>
/// <param name="PadTop">Zero rows above.</param>
/// <param name="PadLeft">Zero columns to the left.</param>
/// <param name="PadBottom">Zero rows below.</param>
/// <param name="PadRight">Zero columns to the right.</param>
/// <param name="DilationY">Rows between taps.</param>
/// <param name="DilationX">Columns between taps.</param>
public readonly record struct Window2D(int StrideY, int StrideX = 1, int PadTop = 0, int PadLeft = 0, int PadBottom = 0, int PadRight = 0, int DilationY = 1, int DilationX = 1)
{
    /// <summary>Padding with which the output has ⌈input / stride⌉ rows and columns; the odd row or column goes to the end.</summary>
    public static Window2D Same(int height, int width, int kernelHeight, int kernelWidth, int strideY = 1, int strideX = 1)
    {
        int y = Math.Max(0, ((height + strideY - 1) / strideY - 1) * strideY + kernelHeight - height);
        int x = Math.Max(0, ((width + strideX - 1) / strideX - 1) * strideX + kernelWidth - width);
        return new Window2D(strideY, strideX, y / 2, x / 2, y - y / 2, x - x / 2);
    }

    internal ConvolutionShape Shape(TensorShape x, TensorShape w, int group) => new(x[0], x[1], x[2], x[3], w[0], w[1], w[2],
        StrideY, StrideX, DilationY, DilationX, PadTop, PadLeft, PadBottom, PadRight, group);
}

/// <summary>2-D convolutions; a 1-D one is an image of one row.</summary>
public static class ConvolutionOperator
{
    /// <summary>x [N,H,W,C], weights [O,kH,kW,C/group], bias [O] → [N,H',W',O].</summary>
    public static Variable Convolution(this Tape tape, Variable x, Variable weights, Variable? bias, Window2D window, int group = 1)
    {
        if (x.Shape.Rank != 4 || weights.Shape.Rank != 4 || group < 1 || x.Shape[3] != weights.Shape[3] * group || weights.Shape[0] % group != 0 || (bias is not null && bias.Count != weights.Shape[0]))
            throw new ArgumentException($"convolution of {x}, weights {weights}, bias {bias}, group {group}");
        ConvolutionShape s = window.Shape(x.Shape, weights.Shape, group);
        if (s.IsPointwise) return tape.Dense(x, tape.Reshape(weights, new TensorShape(s.OutChannels, s.Channels)), bias);
        Variable y = tape.New(new TensorShape(s.Batch, s.OutHeight, s.OutWidth, s.OutChannels), x.RequiresGradient || weights.RequiresGradient || bias is { RequiresGradient: true });
        if (s.IsDepthwise && s.OutPerGroup == 1) DepthwiseConvolution.Run(tape, s, x, weights, bias, y);
        else ColumnConvolution.Run(tape, s, x, weights, bias, y);
        return y;
    }
}
