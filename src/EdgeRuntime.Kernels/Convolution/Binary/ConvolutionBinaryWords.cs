using System.Numerics;
using System.Runtime.InteropServices;

namespace EdgeRuntime.Kernels;

/// <summary>Counts the differing bits of words with the processor's POPCNT, or what there is instead of it.</summary>
public sealed unsafe class ConvolutionBinaryWords : ConvolutionBinaryGemm
{
    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } =
        new("conv-b1-words", "convolution-b1", CpuFeature.None, "exclusive or and population count of 64 bits; portable, and right for few output channels");

    /// <summary>A word takes a load with exclusive or, a count and an addition.</summary>
    public override double EstimateCycles(in ConvolutionShape shape)
    {
        BinaryLayout layout = new(shape);
        return 300 + (double)shape.Positions * (shape.OutChannels * (3 + 1.1 * layout.PaddedWords) + 2 * shape.Group * layout.PaddedWords);
    }

    /// <summary>Layout: [column][word].</summary>
    internal override long PanelBytes(int paddedWords) => (long)BinaryLayout.Columns * paddedWords * sizeof(ulong);

    internal override void PackPanel(ReadOnlySpan<ulong> weights, int columns, int rowWords, Span<byte> panel)
    {
        Span<ulong> target = MemoryMarshal.Cast<byte, ulong>(panel);
        int padded = target.Length / BinaryLayout.Columns;
        for (int c = 0; c < columns; c++) weights.Slice(c * rowWords, rowWords).CopyTo(target[(c * padded)..]);
    }

    internal override void Count(in BinaryBlock block, byte* panel, int columns)
    {
        int words = block.Words;
        for (int r = 0; r < block.RowCount; r++)
        {
            ulong* x = block.Rows + (long)r * words, w = (ulong*)panel;
            ushort* counts = block.Counts + r * BinaryLayout.Columns;
            for (int c = 0; c < columns; c++, w += words)
            {
                // Two counters: some processors make a count wait for its destination's old value.
                int even = 0, odd = 0;
                for (int i = 0; i < words; i += 2)
                {
                    even += BitOperations.PopCount(x[i] ^ w[i]);
                    odd += BitOperations.PopCount(x[i + 1] ^ w[i + 1]);
                }
                counts[c] = (ushort)(even + odd);
            }
        }
    }
}
