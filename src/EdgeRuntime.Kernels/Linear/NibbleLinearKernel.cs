using System.Runtime.InteropServices;

namespace EdgeRuntime.Kernels;

/// <summary>A product of few float rows with weights of 4 or 8 bits.</summary>
/// <param name="Rows">Rows of the input.</param>
/// <param name="Inputs">Elements of a row.</param>
/// <param name="Outputs">Output channels.</param>
/// <param name="Bits">4 or 8.</param>
/// <param name="Group">Weights that share a scale: a multiple of 32, for 4 bits; 0 for one scale per output channel.</param>
public readonly record struct NibbleLinearShape(int Rows, int Inputs, int Outputs, int Bits, int Group)
{
    /// <summary>Chunks of a row.</summary>
    internal int Chunks => (Inputs + Int4Block.Chunk - 1) / Int4Block.Chunk;

    /// <summary>Panels of output channels.</summary>
    internal int Panels => (Outputs + Int4Block.Columns - 1) / Int4Block.Columns;

    /// <summary>Bytes of a chunk of a panel, scales included.</summary>
    internal int ChunkBytes => Int4Block.ChunkBytes * (Bits / 4) + (Group > 0 ? Int4Block.Columns * sizeof(float) : 0);

    /// <summary>Groups of an output channel.</summary>
    public int Groups => Group == 0 ? 1 : (Inputs + Group - 1) / Group;
}

/// <summary>One execution of a <see cref="NibbleLinearKernel"/>.</summary>
public unsafe struct NibbleLinearCall
{
    /// <summary>Sizes.</summary>
    public NibbleLinearShape Shape;

    /// <summary>What <see cref="NibbleLinearKernel.Pack"/> wrote, 64-byte aligned.</summary>
    public byte* Packed;

    /// <summary>Input [Rows, Inputs].</summary>
    public float* Input;

    /// <summary>Output [Rows, Outputs].</summary>
    public float* Output;

    /// <summary><see cref="NibbleLinearKernel.ScratchBytes"/> bytes shared by all workers, 64-byte aligned, contents undefined.</summary>
    public byte* Scratch;

    /// <summary>The fused clamp.</summary>
    public float Min, Max;

    /// <summary>Whether results are added to what the output holds, before the clamp.</summary>
    public bool IsAccumulating;
}

/// <summary>
/// Float products with weights that stay nibbles in memory: y = clamp(bias + Σ x · scale · n). Weights are read once a row, so
/// that it is for few rows; where there are many, float weights pay. It may differ from the exact result by rounding: at most
/// 2^-20 · Inputs · Σ |x| times the largest scale, times 16 for 8 bits.
/// </summary>
public abstract unsafe class NibbleLinearKernel : Kernel
{
    /// <summary>Estimated cost in cycles.</summary>
    public abstract double EstimateCycles(in NibbleLinearShape shape);

    /// <summary>Sums over all chunks of a panel, scaled if the scales are of groups.</summary>
    /// <param name="shape">Sizes.</param>
    /// <param name="panel">Chunks: nibbles as in <see cref="Int4Tile{TDot, TVector}"/>, then scales, if grouped.</param>
    /// <param name="x">The row; the i-th of 8 elements meets nibble i of a word and is divided by 16^i, the last one by 1.</param>
    /// <param name="starts">−8 · Σ x of each chunk.</param>
    /// <param name="sums">One for each column.</param>
    internal abstract void Multiply(in NibbleLinearShape shape, byte* panel, float* x, float* starts, float* sums);

    /// <summary>Bytes that <see cref="Pack"/> writes.</summary>
    public static long PackedBytes(in NibbleLinearShape shape) => (long)shape.Panels * (2 * Int4Block.Columns * sizeof(float) + (long)shape.Chunks * shape.ChunkBytes);

    /// <summary>Layout: for each panel, scales and biases of its columns (scales 1 if those of groups follow), then its chunks.</summary>
    /// <param name="shape">Sizes.</param>
    /// <param name="weights">Integers [Outputs, Inputs] of so many bits.</param>
    /// <param name="scales">Scales [Outputs, Groups].</param>
    /// <param name="bias">Biases [Outputs], or none.</param>
    /// <param name="destination">Where to.</param>
    public static void Pack(in NibbleLinearShape shape, ReadOnlySpan<sbyte> weights, ReadOnlySpan<float> scales, ReadOnlySpan<float> bias, Span<byte> destination)
    {
        destination.Clear();
        int panelBytes = (int)(PackedBytes(shape) / Math.Max(1, shape.Panels));
        for (int o = 0; o < shape.Outputs; o++)
        {
            int column = o % Int4Block.Columns;
            Span<byte> panel = destination.Slice(o / Int4Block.Columns * panelBytes, panelBytes);
            Span<float> header = MemoryMarshal.Cast<byte, float>(panel);
            header[column] = shape.Group == 0 ? scales[o] : 1;
            if (!bias.IsEmpty) header[Int4Block.Columns + column] = bias[o];
            for (int k = 0; k < shape.Inputs; k++)
            {
                Span<byte> chunk = panel.Slice(2 * Int4Block.Columns * sizeof(float) + k / Int4Block.Chunk * shape.ChunkBytes, shape.ChunkBytes);
                int weight = weights[o * shape.Inputs + k], index = Index(k % Int4Block.Chunk, column);
                chunk[index / 2] |= (byte)(((shape.Bits == 8 ? weight >> 4 : weight) + 8) << (index % 2 * 4));
                if (shape.Bits == 8) chunk[Int4Block.ChunkBytes + index / 2] |= (byte)((weight & 15) << (index % 2 * 4));
                if (shape.Group > 0) MemoryMarshal.Cast<byte, float>(chunk[(Int4Block.ChunkBytes * (shape.Bits / 4))..])[column] = scales[o * shape.Groups + k / shape.Group];
            }
        }
    }

    /// <summary>Bytes of scratch for one execution on <paramref name="workers"/> workers.</summary>
    public static long ScratchBytes(in NibbleLinearShape shape, int workers) => workers * WorkerBytes(shape);

    /// <summary>Into how many portions an execution divides.</summary>
    public static int Portions(in NibbleLinearShape shape) => shape.Rows == 0 ? 0 : shape.Panels;

    /// <summary>Computes portions [<paramref name="first"/>, <paramref name="end"/>) as worker number <paramref name="worker"/>.</summary>
    public void Run(in NibbleLinearCall call, int first, int end, int worker)
    {
        NibbleLinearShape shape = call.Shape;
        float* x = (float*)(call.Scratch + worker * WorkerBytes(shape)), starts = x + shape.Chunks * Int4Block.Chunk, sums = stackalloc float[Int4Block.Columns];
        long panelBytes = PackedBytes(shape) / shape.Panels;
        for (int row = 0; row < shape.Rows; row++)
        {
            Prepare(shape, call.Input + (long)row * shape.Inputs, x, starts);
            for (int panel = first; panel < end; panel++)
            {
                byte* packed = call.Packed + panel * panelBytes;
                float* scales = (float*)packed, bias = scales + Int4Block.Columns, y = call.Output + (long)row * shape.Outputs + panel * Int4Block.Columns;
                Multiply(shape, packed + 2 * Int4Block.Columns * sizeof(float), x, starts, sums);
                for (int c = 0; c < Math.Min(Int4Block.Columns, shape.Outputs - panel * Int4Block.Columns); c++)
                {
                    float value = sums[c] * scales[c] + bias[c] + (call.IsAccumulating ? y[c] : 0);
                    y[c] = Math.Min(Math.Max(value, call.Min), call.Max);
                }
            }
        }
    }

    /// <summary>Which nibble of a chunk holds element <paramref name="k"/> of a column.</summary>
    private protected static int Index(int k, int column) => k / 8 * 8 * Int4Block.Columns + column * 8 + k % 8;

    private static long WorkerBytes(in NibbleLinearShape shape) => (shape.Chunks * (Int4Block.Chunk + 1L) * sizeof(float) + 63) & ~63L;

    private static void Prepare(in NibbleLinearShape shape, float* input, float* x, float* starts)
    {
        for (int chunk = 0; chunk < shape.Chunks; chunk++, x += Int4Block.Chunk, input += Int4Block.Chunk)
        {
            float sum = 0;
            int count = Math.Min(Int4Block.Chunk, shape.Inputs - chunk * Int4Block.Chunk);
            for (int k = 0; k < Int4Block.Chunk; k++)
            {
                float value = k < count ? input[k] : 0;
                sum += value;
                x[k] = value * BitConverter.Int32BitsToSingle((127 - (k % 8 == 7 ? 0 : 4 * (k % 8))) << 23);
            }
            starts[chunk] = -8 * sum;
        }
    }
}
