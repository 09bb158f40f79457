namespace EdgeRuntime.Kernels;

/// <summary>One execution of the recurrent part of a float layer. All pointers are valid for the extents that the shape implies.</summary>
public unsafe struct RecurrentFloat32Call
{
    /// <summary>Sizes.</summary>
    public RecurrentCellShape Shape;

    /// <summary>What the input contributes, biases included: [T·N, D·G·H].</summary>
    public float* InputGates;

    /// <summary>
    /// Where <see cref="RecurrentCellShape.IsProductGiven"/>: what the hidden state contributes to the gates of the stage's part, biases included,
    /// [N, D·gates·H]; else unused.
    /// </summary>
    public float* Sums;

    /// <summary>What <see cref="RecurrentFloat32Kernel.Pack"/> wrote, 64-byte aligned.</summary>
    public byte* Packed;

    /// <summary>Steps of each sequence [N], or null where all have T.</summary>
    public int* Lengths;

    /// <summary>The hidden state before the first step [D,N,H]; only read.</summary>
    public float* Hidden;

    /// <summary>The cell [D,N,H], read and written; unused by GRUs.</summary>
    public float* Cell;

    /// <summary>Hidden states [T,N,D·H].</summary>
    public float* Output;

    /// <summary>Bounds of the sums that enter the functions, and of the cell; +∞ for none.</summary>
    public float Clip, CellClip;

    /// <summary><see cref="RecurrentFloat32Kernel.ScratchBytes"/> bytes shared by all workers, 64-byte aligned, contents undefined.</summary>
    public byte* Scratch;
}

/// <summary>
/// The recurrent part of float LSTM and GRU layers: for every step the product of the last hidden state with R, and the gates'
/// functions. <see cref="RecurrentCellShape.Stages"/> stages run one after another; their portions on any worker. It may differ
/// from the reference by rounding: in one step at most 2^-20 · (1 + H · max Σ|R|).
/// </summary>
public abstract class RecurrentFloat32Kernel : Kernel
{
    /// <summary>Whether this kernel can do it.</summary>
    public virtual bool Supports(in RecurrentCellShape shape) => true;

    /// <summary>Estimated cost in cycles of a typical core of the required instruction set; the catalog takes the least.</summary>
    public abstract double EstimateCycles(in RecurrentCellShape shape);

    /// <summary>Bytes that <see cref="Pack"/> writes.</summary>
    public abstract long PackedBytes(in RecurrentCellShape shape);

    /// <summary>Brings R [D·G·H, H], or its factors [D·G·H, r] and [D·r, H], and its biases [D·G·H] (or none) to this kernel's layout.</summary>
    public abstract void Pack(in RecurrentCellShape shape, ReadOnlySpan<float> weights, ReadOnlySpan<float> second, ReadOnlySpan<float> bias, Span<byte> destination);

    /// <summary>Bytes of scratch: r·h and z, [D,N,H] each, where the candidate waits for them, then R2·h.</summary>
    public long ScratchBytes(in RecurrentCellShape shape) => sizeof(float)
        * ((shape.Cell == RecurrentCell.GruResetBefore ? 2L * shape.Directions * shape.Batch * shape.Hidden : 0) + (long)shape.Directions * shape.Batch * shape.Rank);

    /// <summary>Into how many portions a stage divides.</summary>
    public abstract int Portions(in RecurrentCellShape shape, int stage);

    /// <summary>Computes portions [<paramref name="first"/>, <paramref name="end"/>) of a stage.</summary>
    public abstract void Run(in RecurrentFloat32Call call, int stage, int first, int end);
}
