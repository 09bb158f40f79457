namespace EdgeRuntime.Kernels;

/// <summary>
/// The geometry of a 2-D channels-last convolution. A fully connected layer over M rows is the 1×1 convolution of an
/// M×1 image. Input [N,H,W,C], weights [O,kH,kW,C/group], output [N,OutH,OutW,O]. All values were validated.
/// </summary>
public readonly record struct ConvolutionShape(
    int Batch, int Height, int Width, int Channels, int OutChannels, int KernelHeight, int KernelWidth,
    int StrideY, int StrideX, int DilationY, int DilationX, int PadTop, int PadLeft, int PadBottom, int PadRight, int Group)
{
    /// <summary>What is known of the weights' zeros; null where they are few or not looked at: only dense kernels then.</summary>
    public WeightUnits? Units { get; init; }

    /// <summary>Output rows.</summary>
    public int OutHeight => (Height + PadTop + PadBottom - ((KernelHeight - 1) * DilationY + 1)) / StrideY + 1;

    /// <summary>Output columns.</summary>
    public int OutWidth => (Width + PadLeft + PadRight - ((KernelWidth - 1) * DilationX + 1)) / StrideX + 1;

    /// <summary>Input channels that one output channel sees.</summary>
    public int ChannelsPerGroup => Channels / Group;

    /// <summary>Output channels of one group.</summary>
    public int OutPerGroup => OutChannels / Group;

    /// <summary>Products summed into one output: kH · kW · C/group.</summary>
    public int Depth => KernelHeight * KernelWidth * ChannelsPerGroup;

    /// <summary>Output positions: N · OutH · OutW.</summary>
    public int Positions => Batch * OutHeight * OutWidth;

    /// <summary>Whether each output channel sees one input channel only.</summary>
    public bool IsDepthwise => Group == Channels && Group > 1;

    /// <summary>Whether the window is one element, unpadded, with stride 1: a plain matrix product.</summary>
    public bool IsPointwise => KernelHeight == 1 && KernelWidth == 1 && StrideY == 1 && StrideX == 1 && Group == 1
        && PadTop == 0 && PadLeft == 0 && PadBottom == 0 && PadRight == 0;

    /// <summary>Whether any border is padded.</summary>
    public bool IsPadded => (PadTop | PadLeft | PadBottom | PadRight) != 0;

    /// <summary>
    /// What the layout of packed weights may depend on: shapes with the same value share packed weights. Kernels' packing
    /// looks at neither batch nor rows, and at vertical padding only as far as it makes the shape padded.
    /// </summary>
    public ConvolutionShape Packing() => IsPointwise ? FullyConnected(1, Channels, OutChannels)
        : this with { Batch = 1, Height = (KernelHeight - 1) * DilationY + 1, PadTop = IsPadded ? 1 : 0, PadBottom = 0 };

    /// <summary>Multiply-accumulates, padding included.</summary>
    public long MultiplyAccumulates => (long)Positions * OutChannels * Depth;

    /// <summary>An image one column wide as the same memory one row high, so that k×1 windows become contiguous; else the shape as it is.</summary>
    public ConvolutionShape Canonical() => Width != 1 || KernelWidth != 1 || PadLeft != 0 || PadRight != 0 ? this : this with
    {
        Height = 1,
        Width = Height,
        KernelHeight = 1,
        KernelWidth = KernelHeight,
        StrideY = 1,
        StrideX = StrideY,
        DilationY = 1,
        DilationX = DilationY,
        PadTop = 0,
        PadLeft = PadTop,
        PadBottom = 0,
        PadRight = PadBottom,
    };

    /// <summary>A product of an M×K matrix with an N×K one.</summary>
    public static ConvolutionShape FullyConnected(int rows, int inputs, int outputs) =>
        new(1, rows, 1, inputs, outputs, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1);
}
