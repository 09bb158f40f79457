using EdgeRuntime.Tensors;

namespace EdgeRuntime.Model;

/// <summary>
/// The golden and prepacked sections: records, then blocks of data, each at the next multiple of 64 bytes, whose lengths
/// follow from the records.
/// </summary>
internal static class PayloadSections
{
    /// <summary>Rounds up to the next multiple of <see cref="FormatConstants.Alignment"/>.</summary>
    public static long Align(long position) => (position + FormatConstants.Alignment - 1) / FormatConstants.Alignment * FormatConstants.Alignment;

    public static List<GoldenSample> ReadGolden(ByteSource source, SectionInfo section, Graph graph)
    {
        SectionReader r = source.Open(section);
        long perSample = graph.Inputs.Concat(graph.Outputs).Sum(v => Align(v.ByteCount));
        int count = r.Count(FormatLimits.GoldenSamples, 1, "golden samples");
        // The last block is not padded, so up to 63 bytes of the samples' aligned size may be absent.
        if (count * perSample > section.Length + FormatConstants.Alignment) throw r.Fail(FormatFault.LimitExceeded, $"{count} golden samples can't be in {section.Length} bytes");
        List<GoldenSample> samples = new(count);
        for (int i = 0; i < count; i++)
            samples.Add(new GoldenSample(Tensors(graph.Inputs, ref r), Tensors(graph.Outputs, ref r)));
        r.End();
        return samples;

        List<Tensor> Tensors(List<ValueInfo> values, ref SectionReader r)
        {
            List<Tensor> tensors = new(values.Count);
            foreach (ValueInfo v in values)
            {
                ReadOnlyMemory<byte> data = Block(ref r, source, section, v.ByteCount);
                tensors.Add(new Tensor(v.Type, v.Shape, data));
            }
            return tensors;
        }
    }

    public static List<PrepackedPanel> ReadPanels(ByteSource source, SectionInfo section, string[] strings)
    {
        SectionReader r = source.Open(section);
        int count = r.Count(FormatLimits.Panels, Sha256.Size + 3, "panels");
        (string Node, string Kernel, int Hash, long Length)[] records = new (string, string, int, long)[count];
        for (int i = 0; i < count; i++)
        {
            records[i] = (r.Text(strings), r.Text(strings), r.Position, 0);
            r.Bytes(Sha256.Size);
            records[i].Length = r.Number(FormatLimits.SectionBytes, "a panel's length");
        }
        List<PrepackedPanel> panels = new(count);
        foreach (var (node, kernel, hash, length) in records)
            panels.Add(new PrepackedPanel(node, kernel, source.Window(section.Offset + hash, Sha256.Size), Block(ref r, source, section, length)));
        r.End();
        return panels;
    }

    private static ReadOnlyMemory<byte> Block(ref SectionReader r, ByteSource source, SectionInfo section, long length)
    {
        if (length == 0) return default;
        long start = Align(r.Position);
        if (length > section.Length || start > section.Length - length)
            throw r.Fail(FormatFault.InvalidTensor, $"a block of {length} bytes at {start} of a section of {section.Length}");
        if (r.Bytes((int)start - r.Position).ContainsAnyExcept((byte)0)) throw r.Fail(FormatFault.Malformed, "padding is not 0");
        r.Bytes((int)length);
        return source.Window(section.Offset + start, (int)length);
    }
}
