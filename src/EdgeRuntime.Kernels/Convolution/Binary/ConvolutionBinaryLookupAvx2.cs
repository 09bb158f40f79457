using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Counts differing bits by table, four bits of two rows and of 32 columns with one byte shuffle. The weights lie as nibbles, a byte
/// each; two rows' nibbles a and b together choose a table of 16 bytes,
/// <code>t[w] = popcount(a ^ w) + 16 · popcount(b ^ w)</code>
/// so that a shuffle of the table by the weights is 256 products. Three steps add up to bytes of at most 12 + 16·12 without a
/// carry between the halves. Their sum t goes into two registers, L += t and H += t16 >> 4, which takes the byte pairs (even, odd)
/// as 16 bits. With the sums A (first row) and B (second) below 256, that is at most 63 steps, these follow modulo 256:
/// <code>
/// odd byte:  H = B_odd             L = A_odd + 16·B_odd
/// even byte: H = B_even + 16·A_odd     L = A_even + 16·B_even
/// </code>
/// 8 instructions for 768 products, where masking, two lookups and additions of a population count take 8 for 256.
/// Panel: [step of 4 bits][64 columns], even bytes columns 0–15 (32–47), odd bytes columns 16–31 (48–63); before it the tables.
/// </summary>
public sealed unsafe class ConvolutionBinaryLookupAvx2 : ConvolutionBinaryGemm
{
    private const int Columns = BinaryLayout.Columns, TableBytes = 256 * 16, BlockSteps = 63;

    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } =
        new("conv-b1-lookup-avx2-4x64", "convolution-b1", CpuFeature.Avx2, "byte shuffles look up the differing bits of two rows × 32 channels × 4 bits at once");

    /// <summary>Tiles of 4 rows (2 at the end) at 8 cycles for three steps, the counts' widening, gathering.</summary>
    public override double EstimateCycles(in ConvolutionShape shape)
    {
        BinaryLayout layout = new(shape);
        double steps = Steps(layout.PaddedWords), pairs = (shape.Positions + 1) / 2, panels = (double)shape.Group * layout.Panels;
        return 400 + pairs * panels * (20 + steps * 1.5 + shape.OutPerGroup * 0.4) + shape.Group * pairs * (20 + 3.0 * layout.PaddedWords);
    }

    /// <summary>The tables lie with every panel: one block of memory for all that a panel reads.</summary>
    internal override long PanelBytes(int paddedWords) => TableBytes + (long)Steps(paddedWords) * Columns;

    internal override void PackPanel(ReadOnlySpan<ulong> weights, int columns, int rowWords, Span<byte> panel)
    {
        for (int i = 0; i < TableBytes; i++)
        {
            int a = i >> 4 & 15, b = i >> 8, w = i & 15;
            panel[i] = (byte)(System.Numerics.BitOperations.PopCount((uint)(a ^ w)) + 16 * System.Numerics.BitOperations.PopCount((uint)(b ^ w)));
        }
        panel = panel[TableBytes..];
        for (int c = 0; c < columns; c++)
            for (int step = 0; step < rowWords * 16; step++)
                panel[step * Columns + (c & 32) + (c & 15) * 2 + (c >> 4 & 1)] = (byte)(weights[c * rowWords + step / 16] >> (step % 16 * 4) & 15);
    }

    /// <summary>The tables' offsets of each pair of rows.</summary>
    internal override long OwnBytes(in BinaryLayout layout) => (layout.BlockRows + 1L) / 2 * IndexPitch(layout.PaddedWords) * sizeof(ushort);

    // Steps of 4 bits in whole triples; what is added has no weights and no bits.
    private static int Steps(int words) => (words * 16 + 2) / 3 * 3;

    private static int IndexPitch(int words) => (words * 16 + 2 + 31) & ~31;

    internal override void Prepare(in BinaryBlock block)
    {
        Vector128<byte> low = Vector128.Create((byte)15);
        ushort* offsets = (ushort*)block.Own;
        for (int row = 0; row < block.RowCount; row += 2)
        {
            byte* a = (byte*)(block.Rows + (long)row * block.Words), b = row + 1 < block.RowCount ? a + block.Words * sizeof(ulong) : a;
            ushort* to = offsets;
            for (int i = 0; i < block.Words; i += 2, a += 16, b += 16, to += 32)
            {
                Vector128<byte> x = Vector128.Load(a), y = Vector128.Load(b);
                Vector128<byte> even = (x & low) | (y.AsUInt16() << 4).AsByte() & ~low, odd = (x.AsUInt16() >> 4).AsByte() & low | y & ~low;
                StoreOffsets(Sse2.UnpackLow(even, odd), to);
                StoreOffsets(Sse2.UnpackHigh(even, odd), to + 16);
            }
            to[0] = to[1] = 0;
            offsets += IndexPitch(block.Words);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreOffsets(Vector128<byte> nibbles, ushort* to) => (Avx2.ConvertToVector256Int16(nibbles) << 4).AsUInt16().Store(to);

    internal override void Count(in BinaryBlock block, byte* panel, int columns)
    {
        int steps = Steps(block.Words), pitch = IndexPitch(block.Words), pairs = (block.RowCount + 1) / 2;
        new Span<ushort>(block.Counts, pairs * 2 * Columns).Clear();
        for (int step = 0; step < steps; step += BlockSteps)
        {
            int triples = Math.Min(BlockSteps, steps - step) / 3, pair = 0;
            byte* weights = panel + TableBytes + step * Columns;
            ushort* offsets = (ushort*)block.Own + step;
            for (; pair + 2 <= pairs; pair += 2) Tile4(panel, weights, offsets + pair * pitch, pitch, triples, block.Counts + pair * 2 * Columns);
            if (pair < pairs) Tile2(panel, weights, offsets + pair * pitch, triples, block.Counts + pair * 2 * Columns);
        }
    }

    /// <summary>4 rows × 64 columns: 2 pairs × 2 vectors.</summary>
    private static void Tile4(byte* tables, byte* w, ushort* i, nint pitch, int triples, ushort* counts)
    {
        Vector256<byte> l00 = default, l01 = default, l10 = default, l11 = default, h00 = default, h01 = default, h10 = default, h11 = default;
        ushort* j = i + pitch;
        for (; triples > 0; triples--, w += 3 * Columns, i += 3, j += 3)
        {
            Vector256<byte> w0 = Vector256.Load(w), w1 = Vector256.Load(w + 32), table = Table(tables, i[0]);
            Vector256<byte> t00 = Avx2.Shuffle(table, w0), t01 = Avx2.Shuffle(table, w1);
            table = Table(tables, j[0]);
            Vector256<byte> t10 = Avx2.Shuffle(table, w0), t11 = Avx2.Shuffle(table, w1);
            (w0, w1, table) = (Vector256.Load(w + 64), Vector256.Load(w + 96), Table(tables, i[1]));
            t00 += Avx2.Shuffle(table, w0);
            t01 += Avx2.Shuffle(table, w1);
            table = Table(tables, j[1]);
            t10 += Avx2.Shuffle(table, w0);
            t11 += Avx2.Shuffle(table, w1);
            (w0, w1, table) = (Vector256.Load(w + 128), Vector256.Load(w + 160), Table(tables, i[2]));
            t00 += Avx2.Shuffle(table, w0);
            t01 += Avx2.Shuffle(table, w1);
            table = Table(tables, j[2]);
            t10 += Avx2.Shuffle(table, w0);
            t11 += Avx2.Shuffle(table, w1);
            l00 += t00; h00 += (t00.AsUInt16() >> 4).AsByte();
            l01 += t01; h01 += (t01.AsUInt16() >> 4).AsByte();
            l10 += t10; h10 += (t10.AsUInt16() >> 4).AsByte();
            l11 += t11; h11 += (t11.AsUInt16() >> 4).AsByte();
        }
        Widen(l00, h00, counts);
        Widen(l01, h01, counts + 32);
        Widen(l10, h10, counts + 2 * Columns);
        Widen(l11, h11, counts + 2 * Columns + 32);
    }

    /// <summary>2 rows × 64 columns.</summary>
    private static void Tile2(byte* tables, byte* w, ushort* i, int triples, ushort* counts)
    {
        Vector256<byte> l0 = default, l1 = default, h0 = default, h1 = default;
        for (; triples > 0; triples--, w += 3 * Columns, i += 3)
        {
            Vector256<byte> a = Table(tables, i[0]), b = Table(tables, i[1]), c = Table(tables, i[2]);
            Vector256<byte> t0 = Avx2.Shuffle(a, Vector256.Load(w)) + Avx2.Shuffle(b, Vector256.Load(w + 64)) + Avx2.Shuffle(c, Vector256.Load(w + 128));
            Vector256<byte> t1 = Avx2.Shuffle(a, Vector256.Load(w + 32)) + Avx2.Shuffle(b, Vector256.Load(w + 96)) + Avx2.Shuffle(c, Vector256.Load(w + 160));
            l0 += t0; h0 += (t0.AsUInt16() >> 4).AsByte();
            l1 += t1; h1 += (t1.AsUInt16() >> 4).AsByte();
        }
        Widen(l0, h0, counts);
        Widen(l1, h1, counts + 32);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<byte> Table(byte* tables, ushort offset) => Avx2.BroadcastVector128ToVector256(tables + offset);

    /// <summary>Adds the sums of two rows and 32 columns to their counts.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Widen(Vector256<byte> l, Vector256<byte> h, ushort* counts)
    {
        Vector256<ushort> low = l.AsUInt16(), high = h.AsUInt16(), mask = Vector256.Create((ushort)255);
        Vector256<ushort> secondOdd = high >> 8, firstOdd = (low >> 8) - (secondOdd << 4) & mask;
        Vector256<ushort> secondEven = high - (firstOdd << 4) & mask, firstEven = low - (secondEven << 4) & mask;
        (Vector256.Load(counts) + firstEven).Store(counts);
        (Vector256.Load(counts + 16) + firstOdd).Store(counts + 16);
        (Vector256.Load(counts + Columns) + secondEven).Store(counts + Columns);
        (Vector256.Load(counts + Columns + 16) + secondOdd).Store(counts + Columns + 16);
    }

    internal override void Store(in BinaryEpilogue epilogue) => epilogue.Store<Product>();

    private readonly struct Product : IRequantizeProduct
    {
        /// <summary>(2a · M + 2^31) >> 32.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector128<int> Scale(Vector128<int> a, Vector128<int> multiplier)
        {
            Vector128<int> doubled = a + a;
            Vector128<long> half = Vector128.Create(1L << 31);
            Vector128<long> even = Sse41.Multiply(doubled, multiplier) + half;
            Vector128<long> odd = Sse41.Multiply((doubled.AsInt64() >>> 32).AsInt32(), (multiplier.AsInt64() >>> 32).AsInt32()) + half;
            return Avx2.Blend((even >>> 32).AsInt32(), odd.AsInt32(), 0xA);
        }
    }
}
