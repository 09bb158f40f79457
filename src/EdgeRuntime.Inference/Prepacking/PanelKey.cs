using EdgeRuntime.Model;

namespace EdgeRuntime.Inference;

/// <summary>
/// Names what packed weights were made from: everything that a packer may read, which is the node, types, shapes and scales of
/// its values, and the contents of its constants; and by which code, since a panel of another layout would be read as if it were of
/// this one. Names of values are left out, as a file may shorten them.
/// </summary>
internal static class PanelKey
{
    /// <summary>The key of the <paramref name="part"/>-th weights that a step packs for one kernel in one form.</summary>
    /// <returns>A SHA-256.</returns>
    public static byte[] Of(ReadOnlySpan<Node> nodes, string layout, int part)
    {
        using MemoryStream stream = new();
        using BinaryWriter writer = new(stream);
        writer.Write(PackingCode.Hash);
        writer.Write(layout);
        writer.Write(part);
        foreach (Node node in nodes) Write(writer, node);
        return Sha256.Hash(stream.GetBuffer().AsSpan(0, (int)stream.Length));
    }

    private static void Write(BinaryWriter writer, Node node)
    {
        writer.Write((int)node.Type);
        foreach (var (name, value) in node.Attributes.Entries)
        {
            writer.Write(name);
            switch (value)
            {
                case int number: writer.Write(number); break;
                case float real: writer.Write(real); break;
                case string text: writer.Write(text); break;
                case int[] list: foreach (int item in list) writer.Write(item); break;
            }
        }
        foreach (ValueInfo? value in node.Inputs.Concat(node.Outputs))
        {
            writer.Write(value is not null);
            if (value is not null) Write(writer, value);
        }
    }

    private static void Write(BinaryWriter writer, ValueInfo value)
    {
        writer.Write((int)value.Type);
        for (int i = 0; i < value.Shape.Rank; i++) writer.Write(value.Shape[i]);
        writer.Write(value.Quantization is not null);
        if (value.Quantization is { } q)
        {
            writer.Write(q.Axis);
            writer.Write(q.GroupSize);
            foreach (float scale in q.Scales) writer.Write(scale);
            foreach (int zero in q.ZeroPoints) writer.Write(zero);
        }
        if (value.Constant is { } constant) writer.Write(ContentHash.Of(constant.Data.Span));
    }
}
