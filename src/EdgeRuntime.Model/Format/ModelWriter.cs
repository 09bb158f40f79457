using EdgeRuntime.Tensors;

namespace EdgeRuntime.Model;

/// <summary>What to write besides the graph.</summary>
public sealed record ModelWriterOptions
{
    /// <summary>Whether inner values and nodes get numbers for names, which makes a small network's file smaller.</summary>
    public bool ShortNames { get; init; }

    /// <summary>Whether scales of biases that follow from those of their layer's input and weights are left out; the file then reads as a graph without them.</summary>
    public bool ImpliedScales { get; init; }

    /// <summary>Inputs with the outputs that they must give, for the board's health check.</summary>
    public IReadOnlyList<GoldenSample> Golden { get; init; } = [];

    /// <summary>Weights in the layout of named kernels.</summary>
    public IReadOnlyList<PrepackedPanel> Prepacked { get; init; } = [];
}

/// <summary>Writes packed models by SPEC.md. The same graph and options give the same bytes, on every machine.</summary>
public static class ModelWriter
{
    /// <summary>
    /// Writes to <paramref name="path"/> by <see cref="AtomicFile"/>: a reader sees the old model or the new one, and a
    /// failure leaves the old one.
    /// </summary>
    /// <exception cref="ModelException">The graph is invalid, or above a limit of the format.</exception>
    /// <exception cref="IOException">The file can't be written.</exception>
    public static void Write(Graph graph, string path, ModelWriterOptions? options = null)
    {
        Packed packed = Pack(graph, options);
        AtomicFile.Write(path, packed.WriteTo);
    }

    /// <summary>Writes to <paramref name="stream"/>, from its position on.</summary>
    /// <exception cref="ModelException">The graph is invalid, or above a limit of the format; nothing was written.</exception>
    public static void Write(Graph graph, Stream stream, ModelWriterOptions? options = null) => Pack(graph, options).WriteTo(stream);

    private static Packed Pack(Graph graph, ModelWriterOptions? options)
    {
        options ??= new ModelWriterOptions();
        GraphValidator.Validate(graph);
        NameTable names = new(graph, options.ShortNames);
        (SectionPayload graphPayload, SectionPayload tensors) = GraphSectionWriter.Write(graph, names, options.ImpliedScales ? ImpliedScales.Of(graph) : []);
        List<SectionPayload> sections = [graphPayload];
        if (tensors.Parts.Count > 0) sections.Add(tensors);
        if (graph.Metadata.Count > 0) sections.Add(Metadata(graph));
        if (options.Golden.Count > 0) sections.Add(Golden(graph, options.Golden));
        if (options.Prepacked.Count > 0) sections.Add(Panels(options.Prepacked, names));
        sections.Add(names.ToPayload());
        sections.Sort((a, b) => a.Id.CompareTo(b.Id));
        return new Packed(FormatConstants.VersionOf(graph), sections);
    }

    private static SectionPayload Metadata(Graph graph)
    {
        SectionWriter writer = new(SectionId.Metadata);
        writer.Number(graph.Metadata.Count, FormatLimits.MetadataEntries, "the count of metadata entries");
        foreach (var (key, value) in graph.Metadata)
        {
            writer.InlineText(key, FormatLimits.MetadataKeyBytes, $"metadata key {key}");
            writer.InlineText(value, FormatLimits.MetadataValueBytes, $"metadata {key}");
        }
        return new SectionPayload(SectionId.Metadata, SectionFlags.None, [writer.Written]);
    }

    private static SectionPayload Golden(Graph graph, IReadOnlyList<GoldenSample> samples)
    {
        SectionWriter writer = new(SectionId.Golden);
        writer.Number(samples.Count, FormatLimits.GoldenSamples, "the count of golden samples");
        List<ReadOnlyMemory<byte>> parts = [writer.Written];
        foreach (GoldenSample sample in samples)
        {
            Add(graph.Inputs, sample.Inputs);
            Add(graph.Outputs, sample.Outputs);
        }
        return new SectionPayload(SectionId.Golden, SectionFlags.None, parts);

        void Add(List<ValueInfo> values, IReadOnlyList<Tensor> tensors)
        {
            if (tensors.Count != values.Count) throw new ArgumentException($"a golden sample has {tensors.Count} tensors for {values.Count} values", nameof(samples));
            for (int i = 0; i < values.Count; i++)
            {
                if (tensors[i].Type != values[i].Type || tensors[i].Shape != values[i].Shape)
                    throw new ArgumentException($"a golden sample holds {tensors[i]} for {values[i]}", nameof(samples));
                parts.Add(tensors[i].Data);
            }
        }
    }

    private static SectionPayload Panels(IReadOnlyList<PrepackedPanel> panels, NameTable names)
    {
        SectionWriter writer = new(SectionId.Prepacked);
        writer.Number(panels.Count, FormatLimits.Panels, "the count of panels");
        foreach (PrepackedPanel p in panels)
        {
            if (p.SourceHash.Length != Sha256.Size) throw new ArgumentException($"the panel of {p.NodeName} has a hash of {p.SourceHash.Length} bytes", nameof(panels));
            writer.Varint(names.OfNode(p.NodeName));
            writer.Varint(names.Index(p.KernelId));
            writer.Bytes(p.SourceHash.Span);
            writer.Number(p.Data.Length, FormatLimits.SectionBytes, "a panel's length");
        }
        return new SectionPayload(SectionId.Prepacked, SectionFlags.None, [writer.Written, .. panels.Select(p => p.Data)]);
    }

    /// <summary>A file whose layout is known, ready to be written.</summary>
    private sealed class Packed
    {
        private readonly List<SectionPayload> _sections;
        private readonly byte[] _header;

        public Packed(FormatVersion version, List<SectionPayload> sections)
        {
            _sections = sections;
            long end = FormatConstants.HeaderSize + sections.Count * FormatConstants.EntrySize;
            List<SectionInfo> table = [];
            foreach (SectionPayload s in sections)
            {
                if (s.Id != SectionId.Tensors && s.Length > FormatLimits.SectionBytes)
                    throw new ModelFormatException(FormatFault.LimitExceeded, "model to be written", s.Id, 0, $"{s.Length} bytes, above the limit of {FormatLimits.SectionBytes}");
                table.Add(new SectionInfo(s.Id, s.Flags, PayloadSections.Align(end), s.Length, s.Hash()));
                end = table[^1].Offset + s.Length;
            }
            _header = ModelHeader.Write(version, table, end);
        }

        public void WriteTo(Stream stream)
        {
            stream.Write(_header);
            long position = _header.Length;
            foreach (SectionPayload section in _sections)
            {
                foreach (ReadOnlyMemory<byte> chunk in section.Chunks().Prepend(SectionPayload.Padding(position)))
                {
                    stream.Write(chunk.Span);
                    position += chunk.Length;
                }
            }
        }
    }
}
