using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>How a convolution or pooling window moves over height and width.</summary>
/// <param name="Kernel">Height, width.</param>
/// <param name="Strides">Down, right.</param>
/// <param name="Dilations">Down, right.</param>
/// <param name="Pads">Top, left, bottom, right.</param>
internal sealed record OnnxWindow(int[] Kernel, int[] Strides, int[] Dilations, int[] Pads)
{
    /// <summary>
    /// Reads strides, dilations, pads and auto_pad. SAME: ceil(in / stride) outputs; the odd cell of padding goes to the
    /// end (SAME_UPPER) or to the start (SAME_LOWER).
    /// </summary>
    /// <param name="node">The node.</param>
    /// <param name="nhwc">The input's shape, channels last.</param>
    /// <param name="kernel">The window's height and width.</param>
    /// <param name="axes">Spatial axes of the source: 1 or 2.</param>
    public static OnnxWindow Read(OnnxNode node, TensorShape nhwc, int[] kernel, int axes)
    {
        if (kernel.Length != 2) throw OnnxNode.Damaged($"a window of {kernel.Length} axes on an input of {axes}");
        return Read(node, nhwc[1], nhwc[2], kernel, List(node, "strides", axes, 1), List(node, "dilations", axes, 1), ReadPads(node, axes));
    }

    /// <summary>
    /// The same for depth, height and width of an input [N,D,H,W,C], as two windows: one over depth alone, on [N,D,·,C], and one over the plane,
    /// on [·,H,W,C].
    /// </summary>
    public static (OnnxWindow Depth, OnnxWindow Plane) ReadVolume(OnnxNode node, TensorShape ndhwc, int[] kernel)
    {
        if (kernel.Length != 3) throw OnnxNode.Damaged($"a window of {kernel.Length} axes on an input of 3");
        int[] strides = List(node, "strides", 3, 1), dilations = List(node, "dilations", 3, 1), pads = ReadPads(node, 3);
        return (Read(node, ndhwc[1], 1, [kernel[0], 1], [strides[0], 1], [dilations[0], 1], [pads[0], 0, pads[3], 0]),
            Read(node, ndhwc[2], ndhwc[3], kernel[1..], strides[1..], dilations[1..], [pads[1], pads[2], pads[4], pads[5]]));
    }

    private static OnnxWindow Read(OnnxNode node, int height, int width, int[] kernel, int[] strides, int[] dilations, int[] pads)
    {
        for (int i = 0; i < 2; i++)
            if (kernel[i] < 1 || strides[i] < 1 || dilations[i] < 1)
                throw OnnxNode.Damaged($"kernel {kernel[i]}, stride {strides[i]}, dilation {dilations[i]}: all must be at least 1");
        string auto = node.Text("auto_pad", "NOTSET");
        if (auto is "SAME_UPPER" or "SAME_LOWER")
            for (int i = 0; i < 2; i++)
            {
                int size = i == 0 ? height : width, outputs = (size - 1) / strides[i] + 1;
                int total = Math.Max(0, checked((outputs - 1) * strides[i] + (kernel[i] - 1) * dilations[i] + 1) - size);
                pads[i] = auto == "SAME_UPPER" ? total / 2 : total - total / 2;
                pads[i + 2] = total - pads[i];
            }
        else if (auto == "VALID") pads = new int[4];
        else if (auto is not ("NOTSET" or "")) throw OnnxNode.Damaged($"auto_pad is {auto}");
        return new OnnxWindow(kernel, strides, dilations, pads);
    }

    /// <summary>
    /// With ceil_mode, the same with padding added at the end until the last, partial window is whole. A window that
    /// would begin beyond the input and its padding at the start does not count.
    /// </summary>
    public OnnxWindow Ceiling(OnnxNode node, TensorShape nhwc)
    {
        if (node.Int("ceil_mode", 0) == 0) return this;
        int[] pads = [.. Pads];
        for (int i = 0; i < 2; i++)
        {
            int size = nhwc[i + 1], over = checked(size + pads[i] + pads[i + 2] - ((Kernel[i] - 1) * Dilations[i] + 1));
            int rest = over < 0 ? 0 : over % Strides[i];
            if (rest == 0 || (over / Strides[i] + 1) * Strides[i] >= size + pads[i]) continue;
            pads[i + 2] += Strides[i] - rest;
        }
        return this with { Pads = pads };
    }

    /// <summary>The attributes strides and pads.</summary>
    public AttributeSet Attributes() => new AttributeSet().Set("strides", Strides).Set("pads", Pads);

    private static int[] List(OnnxNode node, string name, int axes, int fallback)
    {
        int[] list = node.Ints(name) ?? [];
        if (list.Length == 0) return [.. Enumerable.Repeat(fallback, Math.Max(axes, 2))];
        if (list.Length != axes) throw OnnxNode.Damaged($"attribute {name} has {list.Length} numbers, not {axes}");
        return axes == 1 ? [1, list[0]] : list;
    }

    private static int[] ReadPads(OnnxNode node, int axes)
    {
        int[] list = node.Ints("pads") ?? [];
        if (list.Length == 0) return new int[2 * Math.Max(axes, 2)];
        if (list.Length != 2 * axes) throw OnnxNode.Damaged($"attribute pads has {list.Length} numbers, not {2 * axes}");
        return axes == 1 ? [0, list[0], 0, list[1]] : list;
    }
}
