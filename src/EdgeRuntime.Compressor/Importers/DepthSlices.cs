using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>How the window of a convolution over depth, height and width moves along depth.</summary>
/// <param name="Kernel">Slices that it meets.</param>
/// <param name="Stride">Slices from window to window.</param>
/// <param name="Dilation">Slices between those that it meets.</param>
/// <param name="Before">Zero slices before the input.</param>
/// <param name="After">Zero slices behind it.</param>
internal readonly record struct DepthWindow(int Kernel, int Stride, int Dilation, int Before, int After);

/// <summary>The kD slices that a window meets, side by side as channels: with them a convolution in three dimensions is one in two, over N·D′ images.</summary>
internal static class DepthSlices
{
    private const int Most = 1024;

    /// <summary>x [N,D,H,W,C] → [N,D′,H,W,group·kD·C/group], the channels of a group together.</summary>
    /// <param name="x">The volume.</param>
    /// <param name="window">What moves along it.</param>
    /// <param name="group">The convolution's groups.</param>
    /// <param name="emit">Adds a node and returns its output.</param>
    /// <param name="damaged">The error for a file that contradicts itself.</param>
    /// <exception cref="ModelException">The window is larger than the input, or has too many slices.</exception>
    public static ValueInfo SideBySide(ValueInfo x, DepthWindow window, int group, Func<OperatorType, ValueInfo[], AttributeSet, ValueInfo> emit, Func<string, ModelException> damaged)
    {
        (int kernel, int stride, int dilation, int before, int after) = window;
        if (before != 0 || after != 0) x = emit(OperatorType.Pad, [x], new AttributeSet().Set("pads", 0, before, 0, 0, 0, 0, after, 0, 0, 0).Set("value", 0f));
        TensorShape s = x.Shape;
        if (s[1] < (kernel - 1L) * dilation + 1) throw damaged($"a window of depth {kernel} on an input of depth {s[1]}");
        if ((long)group * kernel > Most) throw new ImportException(ModelErrorKind.Unsupported, "", $"a convolution of depth {kernel} in {group} groups; {Most} slices at most");
        int channels = s[4] / group, outputs = (s[1] - (kernel - 1) * dilation - 1) / stride + 1;
        List<ValueInfo> slices = [];
        for (int g = 0; g < group; g++)
            for (int k = 0; k < kernel; k++)
            {
                int first = k * dilation, end = first + (outputs - 1) * stride + 1;
                slices.Add(emit(OperatorType.Slice, [x], new AttributeSet().Set("starts", 0, first, 0, 0, g * channels).Set("ends", s[0], end, s[2], s[3], (g + 1) * channels).Set("steps", 1, stride, 1, 1, 1)));
            }
        return slices.Count == 1 ? slices[0] : emit(OperatorType.Concat, [.. slices], new AttributeSet().Set("axis", 4));
    }
}
