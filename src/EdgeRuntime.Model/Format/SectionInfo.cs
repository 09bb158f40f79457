namespace EdgeRuntime.Model;

/// <summary>Kinds of section. Numbers are part of the packed format: only ever add.</summary>
public enum SectionId : uint
{
    /// <summary>Names that other sections refer to by index.</summary>
    Strings = 1,

    /// <summary>Free text by key.</summary>
    Metadata = 2,

    /// <summary>Quantisations, values, nodes, inputs and outputs.</summary>
    Graph = 3,

    /// <summary>Contents of constants.</summary>
    Tensors = 4,

    /// <summary>Inputs with the outputs that they must give.</summary>
    Golden = 5,

    /// <summary>Weights in the layout of a named kernel.</summary>
    Prepacked = 6,

    /// <summary>Reserved for a signature over header and section table (<see cref="ModelIntegrity.SignedMessage"/>).</summary>
    Signature = 7,
}

/// <summary>Flags of a section.</summary>
[Flags]
public enum SectionFlags : uint
{
    /// <summary>A reader that does not know the section skips it.</summary>
    None = 0,

    /// <summary>A reader that does not know the section refuses the file.</summary>
    Required = 1,
}

/// <summary>How a value's contents are stored. Numbers are part of the packed format: only ever add.</summary>
public enum ConstantEncoding : byte
{
    /// <summary>The value is no constant.</summary>
    None = 0,

    /// <summary>All elements, packed without gaps.</summary>
    Dense = 1,

    /// <summary>The elements that are not 0, and the gaps between them.</summary>
    Sparse = 2,

    /// <summary>At most n of every m elements, and their places.</summary>
    SparseNM = 3,

    /// <summary>The blocks that are not 0, and the gaps between them.</summary>
    SparseBlock = 4,
}

/// <summary>One entry of the section table.</summary>
/// <param name="Id">Its kind; a number of a later version where no name is known.</param>
/// <param name="Flags">Whether a reader must know it.</param>
/// <param name="Offset">First byte in the file.</param>
/// <param name="Length">Bytes.</param>
/// <param name="Sha256">SHA-256 of its bytes, lower-case hexadecimal.</param>
public sealed record SectionInfo(SectionId Id, SectionFlags Flags, long Offset, long Length, string Sha256);
