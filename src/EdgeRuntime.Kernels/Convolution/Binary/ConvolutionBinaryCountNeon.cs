using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Counts differing bits with EOR and CNT, 128 products each; the counts of up to 31 steps add up in bytes (31 · 8 &lt; 256), then
/// UADDLP and ADDP bring the sums of a tile of 4 rows × 4 columns into two registers.
/// Panel: [4 columns][16 bytes of the row][column].
/// </summary>
public sealed unsafe class ConvolutionBinaryCountNeon : ConvolutionBinaryGemm
{
    private const int TileColumns = 4, ChunkSteps = 31;

    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } =
        new("conv-b1-count-neon-4x4", "convolution-b1", CpuFeature.Neon, "EOR, CNT and ADD, 4×4 tiles of 128 bits");

    /// <summary>A tile's step takes 48 vector instructions, two a cycle.</summary>
    public override double EstimateCycles(in ConvolutionShape shape)
    {
        BinaryLayout layout = new(shape);
        double tiles = (shape.Positions + 3) / 4 * (double)shape.Group * ((shape.OutPerGroup + 3) / 4);
        return 300 + tiles * (45 + 28.0 * layout.PaddedWords / 2) + (double)shape.Group * shape.Positions * (20 + 2 * layout.PaddedWords);
    }

    internal override long PanelBytes(int paddedWords) => (long)BinaryLayout.Columns * paddedWords * sizeof(ulong);

    internal override void PackPanel(ReadOnlySpan<ulong> weights, int columns, int rowWords, Span<byte> panel)
    {
        Span<ulong> target = MemoryMarshal.Cast<byte, ulong>(panel);
        int padded = target.Length / BinaryLayout.Columns;
        for (int c = 0; c < columns; c++)
            for (int i = 0; i < rowWords; i++)
                target[c / TileColumns * TileColumns * padded + (i / 2 * TileColumns + c % TileColumns) * 2 + i % 2] = weights[c * rowWords + i];
    }

    internal override void Count(in BinaryBlock block, byte* panel, int columns)
    {
        int rows = block.RowCount;
        for (int column = 0; column < columns; column += TileColumns, panel += (nint)TileColumns * block.Words * sizeof(ulong))
        {
            ushort* counts = block.Counts + column;
            int row = 0;
            for (; row + 4 <= rows; row += 4) Tile4(block, row, panel, counts + row * BinaryLayout.Columns);
            for (; row < rows; row++) Tile1(block, row, panel, counts + row * BinaryLayout.Columns);
        }
    }

    private static void Tile4(in BinaryBlock block, int row, byte* w, ushort* counts)
    {
        nint pitch = block.Words * sizeof(ulong);
        byte* x0 = (byte*)block.Rows + row * pitch, x1 = x0 + pitch, x2 = x1 + pitch, x3 = x2 + pitch;
        Vector128<ushort> sums01 = default, sums23 = default;
        for (nint k = 0; k < pitch;)
        {
            Vector128<byte> c00 = default, c01 = default, c02 = default, c03 = default, c10 = default, c11 = default, c12 = default, c13 = default;
            Vector128<byte> c20 = default, c21 = default, c22 = default, c23 = default, c30 = default, c31 = default, c32 = default, c33 = default;
            for (nint end = Math.Min(pitch, k + ChunkSteps * 16); k < end; k += 16, w += 64)
            {
                Vector128<byte> a = AdvSimd.LoadVector128(x0 + k), b = AdvSimd.LoadVector128(x1 + k), c = AdvSimd.LoadVector128(x2 + k), d = AdvSimd.LoadVector128(x3 + k);
                Vector128<byte> u = AdvSimd.LoadVector128(w), v = AdvSimd.LoadVector128(w + 16), y = AdvSimd.LoadVector128(w + 32), z = AdvSimd.LoadVector128(w + 48);
                Add8(a, b, c, d, u, v, ref c00, ref c10, ref c20, ref c30, ref c01, ref c11, ref c21, ref c31);
                Add8(a, b, c, d, y, z, ref c02, ref c12, ref c22, ref c32, ref c03, ref c13, ref c23, ref c33);
            }
            sums01 += AdvSimd.Arm64.AddPairwise(Sum4(c00, c01, c02, c03), Sum4(c10, c11, c12, c13));
            sums23 += AdvSimd.Arm64.AddPairwise(Sum4(c20, c21, c22, c23), Sum4(c30, c31, c32, c33));
        }
        sums01.GetLower().Store(counts);
        sums01.GetUpper().Store(counts + BinaryLayout.Columns);
        sums23.GetLower().Store(counts + 2 * BinaryLayout.Columns);
        sums23.GetUpper().Store(counts + 3 * BinaryLayout.Columns);
    }

    private static void Tile1(in BinaryBlock block, int row, byte* w, ushort* counts)
    {
        nint pitch = block.Words * sizeof(ulong);
        byte* x = (byte*)block.Rows + row * pitch;
        Vector128<ushort> sums = default;
        for (nint k = 0; k < pitch;)
        {
            Vector128<byte> c0 = default, c1 = default, c2 = default, c3 = default;
            for (nint end = Math.Min(pitch, k + ChunkSteps * 16); k < end; k += 16, w += 64)
            {
                Vector128<byte> a = AdvSimd.LoadVector128(x + k);
                (Vector128<byte> u, Vector128<byte> v) = AdvSimd.Arm64.LoadPairVector128(w);
                c0 += Differing(a, u); c1 += Differing(a, v);
                (u, v) = AdvSimd.Arm64.LoadPairVector128(w + 32);
                c2 += Differing(a, u); c3 += Differing(a, v);
            }
            Vector128<ushort> pairs = Sum4(c0, c1, c2, c3);
            sums += AdvSimd.Arm64.AddPairwise(pairs, pairs);
        }
        sums.GetLower().Store(counts);
    }

    /// <summary>Counts of four rows and two columns; eight side by side, as in-order cores wait for each step's result.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add8(Vector128<byte> a, Vector128<byte> b, Vector128<byte> c, Vector128<byte> d, Vector128<byte> u, Vector128<byte> v,
        ref Vector128<byte> c0, ref Vector128<byte> c1, ref Vector128<byte> c2, ref Vector128<byte> c3,
        ref Vector128<byte> d0, ref Vector128<byte> d1, ref Vector128<byte> d2, ref Vector128<byte> d3)
    {
        Vector128<byte> t0 = a ^ u, t1 = b ^ u, t2 = c ^ u, t3 = d ^ u, t4 = a ^ v, t5 = b ^ v, t6 = c ^ v, t7 = d ^ v;
        t0 = AdvSimd.PopCount(t0); t1 = AdvSimd.PopCount(t1); t2 = AdvSimd.PopCount(t2); t3 = AdvSimd.PopCount(t3);
        t4 = AdvSimd.PopCount(t4); t5 = AdvSimd.PopCount(t5); t6 = AdvSimd.PopCount(t6); t7 = AdvSimd.PopCount(t7);
        c0 += t0; c1 += t1; c2 += t2; c3 += t3;
        d0 += t4; d1 += t5; d2 += t6; d3 += t7;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> Differing(Vector128<byte> x, Vector128<byte> w) => AdvSimd.PopCount(x ^ w);

    /// <summary>Two sums of each of four registers of bytes, in order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<ushort> Sum4(Vector128<byte> a, Vector128<byte> b, Vector128<byte> c, Vector128<byte> d) => AdvSimd.Arm64.AddPairwise(
        AdvSimd.Arm64.AddPairwise(AdvSimd.AddPairwiseWidening(a), AdvSimd.AddPairwiseWidening(b)),
        AdvSimd.Arm64.AddPairwise(AdvSimd.AddPairwiseWidening(c), AdvSimd.AddPairwiseWidening(d)));

    internal override void Store(in BinaryEpilogue epilogue) => epilogue.Store<Product>();

    private readonly struct Product : IRequantizeProduct
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector128<int> Scale(Vector128<int> a, Vector128<int> multiplier) => AdvSimd.MultiplyRoundedDoublingSaturateHigh(a, multiplier);
    }
}
