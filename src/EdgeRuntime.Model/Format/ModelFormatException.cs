namespace EdgeRuntime.Model;

/// <summary>In what way a packed file is bad.</summary>
public enum FormatFault
{
    /// <summary>It does not start with the format's magic bytes.</summary>
    NotAModel,

    /// <summary>It ends before what its header says.</summary>
    Truncated,

    /// <summary>It goes on after what its header says.</summary>
    TrailingData,

    /// <summary>It was written for a newer reader.</summary>
    UnsupportedVersion,

    /// <summary>A header field is impossible, or the header's check does not fit header and table.</summary>
    InvalidHeader,

    /// <summary>A section's entry is impossible: alignment, flags, reserved bytes, an id twice.</summary>
    InvalidTable,

    /// <summary>A section reaches beyond the file.</summary>
    SectionOutOfFile,

    /// <summary>Sections overlap each other or the table, or are out of order.</summary>
    SectionOverlap,

    /// <summary>A required section of an unknown kind.</summary>
    UnknownSection,

    /// <summary>A section that every model has is not there.</summary>
    MissingSection,

    /// <summary>A section's bytes do not have the hash that the table says.</summary>
    HashMismatch,

    /// <summary>A count or size is above the format's limit, or above what the section's bytes can hold.</summary>
    LimitExceeded,

    /// <summary>A record ends early, goes on too long, or holds a number that is not in the shortest form.</summary>
    Malformed,

    /// <summary>Text is not UTF-8.</summary>
    InvalidText,

    /// <summary>An index refers to nothing.</summary>
    InvalidReference,

    /// <summary>A value's type, shape or data range is impossible.</summary>
    InvalidTensor,

    /// <summary>Scales or zero points are impossible.</summary>
    InvalidQuantization,

    /// <summary>The records are sound, but the graph they describe breaks a rule of the IR.</summary>
    InvalidGraph,
}

/// <summary>A packed file is damaged, too new, or beyond the format's limits.</summary>
public sealed class ModelFormatException : ModelException
{
    /// <summary>Creates the error.</summary>
    public ModelFormatException(FormatFault fault, string file, SectionId? section, long offset, string message, Exception? inner = null)
        : base(ModelErrorKind.InvalidFile, $"{file}: {(section is { } s ? $"section {s}" : "header")} at byte {offset}", message, inner)
    {
        Fault = fault;
        Section = section;
        Offset = offset;
    }

    /// <summary>In what way the file is bad.</summary>
    public FormatFault Fault { get; }

    /// <summary>The section concerned; null for header and table.</summary>
    public SectionId? Section { get; }

    /// <summary>The byte of the file where the fault shows.</summary>
    public long Offset { get; }
}
