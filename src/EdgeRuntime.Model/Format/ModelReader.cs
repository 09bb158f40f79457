using EdgeRuntime.Tensors;

namespace EdgeRuntime.Model;

/// <summary>How to read a packed model.</summary>
/// <param name="VerifyHashes">
/// Whether to compare every section with its hash, which reads the whole file. Without it damage to weights goes
/// unnoticed; records are checked in either case.
/// </param>
public sealed record ReaderOptions(bool VerifyHashes = true);

/// <summary>Reads packed models by SPEC.md. Whatever is wrong with a file becomes a <see cref="ModelFormatException"/>.</summary>
public static class ModelReader
{
    /// <summary>Maps and validates the file at <paramref name="path"/>; constants are windows of the map.</summary>
    /// <exception cref="ModelFormatException">The file is damaged, too new, or no packed model.</exception>
    /// <exception cref="IOException">There is no such file, or it can't be read.</exception>
    /// <exception cref="UnauthorizedAccessException">Reading it is not allowed, or it is a directory.</exception>
    public static PackedModel Open(string path, ReaderOptions? options = null)
    {
        MappedFile file = new(path);
        try
        {
            return Load(new ByteSource(file, Path.GetFileName(path)), options, file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Validates a file in memory; constants are windows of <paramref name="bytes"/>.</summary>
    /// <exception cref="ModelFormatException">The file is damaged, too new, or no packed model.</exception>
    public static PackedModel Read(ReadOnlyMemory<byte> bytes, ReaderOptions? options = null) =>
        Load(new ByteSource(bytes, "embedded model"), options, null);

    private static PackedModel Load(ByteSource source, ReaderOptions? options, MappedFile? file)
    {
        bool verify = (options ?? new ReaderOptions()).VerifyHashes;
        ModelHeader header = ModelHeader.Read(source, verify);
        if (verify) ModelIntegrity.Verify(source, header.Sections);

        string[] strings = ReadStrings(source, Need(header, source, SectionId.Strings));
        SectionInfo graphSection = Need(header, source, SectionId.Graph);
        SectionReader r = source.Open(graphSection);
        Graph graph = GraphSectionReader.Read(ref r, strings, source, header.Find(SectionId.Tensors));
        if (header.Find(SectionId.Metadata) is { } metadata) ReadMetadata(source, metadata, graph);
        try
        {
            GraphValidator.Validate(graph);
        }
        catch (ModelException e) when (e is not ModelFormatException)
        {
            throw new ModelFormatException(FormatFault.InvalidGraph, source.Name, SectionId.Graph, graphSection.Offset, e.Message, e);
        }
        IReadOnlyList<GoldenSample> golden = header.Find(SectionId.Golden) is { } g ? PayloadSections.ReadGolden(source, g, graph) : [];
        IReadOnlyList<PrepackedPanel> panels = header.Find(SectionId.Prepacked) is { } p ? PayloadSections.ReadPanels(source, p, strings) : [];
        return new PackedModel(graph, header, golden, panels, file);
    }

    private static SectionInfo Need(ModelHeader header, ByteSource source, SectionId id) => header.Find(id)
        ?? throw new ModelFormatException(FormatFault.MissingSection, source.Name, id, 0, "the file has no such section");

    private static string[] ReadStrings(ByteSource source, SectionInfo section)
    {
        SectionReader r = source.Open(section);
        string[] strings = new string[r.Count(FormatLimits.Strings, 1, "strings")];
        for (int i = 0; i < strings.Length; i++) strings[i] = r.InlineText(FormatLimits.StringBytes, "a string");
        r.End();
        return strings;
    }

    private static void ReadMetadata(ByteSource source, SectionInfo section, Graph graph)
    {
        SectionReader r = source.Open(section);
        int count = r.Count(FormatLimits.MetadataEntries, 2, "metadata entries");
        string last = "";
        for (int i = 0; i < count; i++)
        {
            string key = r.InlineText(FormatLimits.MetadataKeyBytes, "a metadata key");
            if (i > 0 && string.CompareOrdinal(key, last) <= 0) throw r.Fail(FormatFault.Malformed, $"metadata key {key} is out of order");
            graph.Metadata.Add(last = key, r.InlineText(FormatLimits.MetadataValueBytes, "a metadata value"));
        }
        r.End();
    }
}
