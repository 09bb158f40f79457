namespace EdgeRuntime.Kernels;

/// <summary>Products of some rows with one panel of nibbles.</summary>
internal unsafe struct Int4Block
{
    /// <summary>Elements of a chunk: what is summed before a multiplier is applied.</summary>
    public const int Chunk = 32;

    /// <summary>Output channels of a panel.</summary>
    public const int Columns = 32;

    /// <summary>Bytes of a chunk of a panel.</summary>
    public const int ChunkBytes = Chunk * Columns / 2;

    /// <summary>Where each row starts.</summary>
    public sbyte** Rows;

    /// <summary>For each row and chunk, the word that its sums start from.</summary>
    public int* Starts;

    /// <summary>Where weights are bytes: 8 · Σ x of each row.</summary>
    public int* RowSums;

    /// <summary>Words of <see cref="Starts"/> from row to row.</summary>
    public int Chunks;

    /// <summary>Rows to multiply.</summary>
    public int RowCount;

    /// <summary>A row's segments, as <see cref="GemmGeometry"/> says; their length is a multiple of <see cref="Chunk"/>.</summary>
    public int OuterCount, OuterStride, InnerCount, InnerStride, Segment;

    /// <summary>The panel: chunks of <see cref="ChunkBytes"/>, each followed by 32 multipliers if there are any.</summary>
    public byte* Panel;

    /// <summary>Whether chunks have multipliers of their own.</summary>
    public bool IsGrouped;

    /// <summary>Whether weights are bytes: each chunk is there twice, high nibbles (signed) and low ones (0 to 15).</summary>
    public bool IsBytes;

    /// <summary>Sums, <see cref="Columns"/> a row.</summary>
    public int* Sums;
}
