namespace EdgeRuntime.Model;

/// <summary>Numbers of the packed format; SPEC.md is normative and a test compares the two.</summary>
public static class FormatConstants
{
    /// <summary>Bytes of the header, which starts the file.</summary>
    public const int HeaderSize = 64;

    /// <summary>Bytes of one entry of the section table, which follows the header.</summary>
    public const int EntrySize = 64;

    /// <summary>Sections, and tensors in them, start at multiples of this many bytes.</summary>
    public const int Alignment = 64;

    /// <summary>Bytes of the header's check field.</summary>
    public const int CheckSize = 16;

    /// <summary>The first bytes of every file: one that is no text, a name, and the line ends that text transfers damage.</summary>
    public static ReadOnlySpan<byte> Magic => [0x89, (byte)'E', (byte)'D', (byte)'G', (byte)'E', 0x0D, 0x0A, 0x1A];

    /// <summary>The newest version that <see cref="ModelReader"/> understands.</summary>
    public static FormatVersion Version { get; } = new(1, 2);

    /// <summary>
    /// The version that <see cref="ModelWriter"/> writes <paramref name="graph"/> in, which is also the oldest reader that
    /// understands the file: the first version that has all that the graph uses.
    /// </summary>
    public static FormatVersion VersionOf(Graph graph) =>
        graph.Nodes.Exists(n => n.Type > LastOperatorOf11) ? Version
        : graph.Nodes.Exists(n => n.Type > LastOperatorOf10 || n.Outputs.Count > 1 || n.Attributes.Contains("dynamic")) || graph.Values().Any(v => v.Sparsity is not null) ? new(1, 1) : new(1, 0);

    private const OperatorType LastOperatorOf10 = OperatorType.BatchNormalization, LastOperatorOf11 = OperatorType.Sqrt;
}

/// <summary>
/// Limits that a reader checks before it allocates, and a writer before it writes. They bound damage, not use: each is
/// far above what a network for a small board needs.
/// </summary>
public static class FormatLimits
{
    /// <summary>Sections of a file.</summary>
    public const int Sections = 64;

    /// <summary>Bytes of a file.</summary>
    public const long FileBytes = 1L << 40;

    /// <summary>Zero bytes before a section.</summary>
    public const int Padding = 4095;

    /// <summary>Bytes of any section except tensors.</summary>
    public const int SectionBytes = 1 << 30;

    /// <summary>Entries of the strings section.</summary>
    public const int Strings = 1 << 20;

    /// <summary>UTF-8 bytes of a string.</summary>
    public const int StringBytes = 4096;

    /// <summary>Entries of the metadata section.</summary>
    public const int MetadataEntries = 4096;

    /// <summary>UTF-8 bytes of a metadata key.</summary>
    public const int MetadataKeyBytes = 256;

    /// <summary>UTF-8 bytes of a metadata value.</summary>
    public const int MetadataValueBytes = 1 << 24;

    /// <summary>Entries of the quantisation table.</summary>
    public const int Quantizations = 1 << 20;

    /// <summary>Scales of one quantisation.</summary>
    public const int Scales = 1 << 26;

    /// <summary>Values of a graph.</summary>
    public const int Values = 1 << 20;

    /// <summary>Nodes of a graph.</summary>
    public const int Nodes = 1 << 20;

    /// <summary>Inputs, and outputs, of a node or of the graph.</summary>
    public const int Connections = 4096;

    /// <summary>Attributes of a node.</summary>
    public const int Attributes = 64;

    /// <summary>Numbers of a list attribute.</summary>
    public const int AttributeNumbers = 4096;

    /// <summary>Dimensions of a value.</summary>
    public const int Rank = Tensors.TensorShape.MaxRank;

    /// <summary>Product of a value's dimensions, those of 0 taken as 1.</summary>
    public const int Elements = int.MaxValue;

    /// <summary>Bytes of a sparse constant, as stored and made dense.</summary>
    public const int SparseBytes = 1 << 28;

    /// <summary>Samples of the golden section.</summary>
    public const int GoldenSamples = 256;

    /// <summary>Panels of the prepacked section.</summary>
    public const int Panels = 1 << 20;
}
