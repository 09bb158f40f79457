using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Int8 inputs with weights of ±1: VPMADDUBSW adds two products of (x + 128) with ±1, at most 510 in magnitude, exactly; 64 of its
/// sums fit 16 bits, and VPMADDWD with ones brings them to 32. Two instructions for 32 products, half of what int8 weights take.
/// </summary>
public sealed unsafe class ConvolutionInt8SignsAvx2 : ConvolutionInt8Gemm<Int8SignDotAvx2, Vector256<int>>
{
    private const int ChunkSteps = 64, Rows = 6;

    /// <inheritdoc/>
    public override bool Supports(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) => parameters.WeightBits == 1 && base.Supports(shape, parameters);

    /// <inheritdoc/>
    private protected override int LeastRows => 3;

    /// <inheritdoc/>
    protected override void RunTile(in ConvolutionInt8Tile tile, in ConvolutionInt8Call call)
    {
        ConvolutionInt8Tile part = tile;
        for (int left = tile.Rows; left > 0; left -= Rows)
        {
            part.Rows = Math.Min(Rows, left);
            Product(part);
            part.Windows += Rows;
            part.Accumulators += Rows * tile.PaddedColumns;
        }
        if (call.Shift == 0) RequantizeAvx2.Tile(tile, call);
        else RequantizeScalar.Tile(tile, call);
    }

    private static void Product(in ConvolutionInt8Tile tile)
    {
        for (int r = 0; r < tile.Rows; r++)
            for (int c = 0; c < tile.PaddedColumns; c += 8) (Vector256.Load(tile.Bias + c) << 1).Store(tile.Accumulators + r * tile.PaddedColumns + c);
        byte* w = tile.Weights;
        for (int s = 0; s < tile.Segments; s++)
        {
            nint at = tile.SegmentOffsets[s];
            for (int left = tile.SegmentSteps; left > 0; left -= ChunkSteps, at += ChunkSteps * 4, w += (nint)ChunkSteps * tile.PaddedColumns * 4)
            {
                int steps = Math.Min(left, ChunkSteps);
                if (tile.PaddedColumns == 16) Chunk<N2>(tile, at, w, steps);
                else Chunk<N1>(tile, at, w, steps);
                if (left < ChunkSteps) w -= (nint)(ChunkSteps - left) * tile.PaddedColumns * 4;
            }
        }
    }

    private static void Chunk<TVectors>(in ConvolutionInt8Tile tile, nint at, byte* w, int steps) where TVectors : struct, ICount
    {
        switch (tile.Rows)
        {
            case 1: Chunk<N1, TVectors>(tile, at, w, steps); break;
            case 2: Chunk<N2, TVectors>(tile, at, w, steps); break;
            case 3: Chunk<N3, TVectors>(tile, at, w, steps); break;
            case 4: Chunk<N4, TVectors>(tile, at, w, steps); break;
            case 5: Chunk<N5, TVectors>(tile, at, w, steps); break;
            default: Chunk<N6, TVectors>(tile, at, w, steps); break;
        }
    }

    /// <summary>Accumulators += 2 · Σ over at most 64 steps of 4.</summary>
    private static void Chunk<TRows, TVectors>(in ConvolutionInt8Tile tile, nint at, byte* w, int steps)
        where TRows : struct, ICount
        where TVectors : struct, ICount
    {
        Vector256<short> c00 = default, c01 = default, c10 = default, c11 = default, c20 = default, c21 = default;
        Vector256<short> c30 = default, c31 = default, c40 = default, c41 = default, c50 = default, c51 = default;
        byte* p0 = tile.Windows[0], p1 = TRows.Value > 1 ? tile.Windows[1] : null, p2 = TRows.Value > 2 ? tile.Windows[2] : null;
        byte* p3 = TRows.Value > 3 ? tile.Windows[3] : null, p4 = TRows.Value > 4 ? tile.Windows[4] : null, p5 = TRows.Value > 5 ? tile.Windows[5] : null;
        for (nint i = at, end = at + steps * 4; i < end; i += 4, w += TVectors.Value * 32)
        {
            Vector256<sbyte> w0 = Vector256.Load((sbyte*)w), w1 = TVectors.Value > 1 ? Vector256.Load((sbyte*)w + 32) : default;
            Add<TVectors>(p0 + i, w0, w1, ref c00, ref c01);
            if (TRows.Value > 1) Add<TVectors>(p1 + i, w0, w1, ref c10, ref c11);
            if (TRows.Value > 2) Add<TVectors>(p2 + i, w0, w1, ref c20, ref c21);
            if (TRows.Value > 3) Add<TVectors>(p3 + i, w0, w1, ref c30, ref c31);
            if (TRows.Value > 4) Add<TVectors>(p4 + i, w0, w1, ref c40, ref c41);
            if (TRows.Value > 5) Add<TVectors>(p5 + i, w0, w1, ref c50, ref c51);
        }
        int* a = tile.Accumulators;
        Store<TVectors>(a, c00, c01);
        if (TRows.Value > 1) Store<TVectors>(a + 1 * TVectors.Value * 8, c10, c11);
        if (TRows.Value > 2) Store<TVectors>(a + 2 * TVectors.Value * 8, c20, c21);
        if (TRows.Value > 3) Store<TVectors>(a + 3 * TVectors.Value * 8, c30, c31);
        if (TRows.Value > 4) Store<TVectors>(a + 4 * TVectors.Value * 8, c40, c41);
        if (TRows.Value > 5) Store<TVectors>(a + 5 * TVectors.Value * 8, c50, c51);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add<TVectors>(byte* x, Vector256<sbyte> w0, Vector256<sbyte> w1, ref Vector256<short> c0, ref Vector256<short> c1) where TVectors : struct, ICount
    {
        Vector256<byte> four = Vector256.Create(*(int*)x).AsByte();
        c0 += Avx2.MultiplyAddAdjacent(four, w0);
        if (TVectors.Value > 1) c1 += Avx2.MultiplyAddAdjacent(four, w1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TVectors>(int* a, Vector256<short> c0, Vector256<short> c1) where TVectors : struct, ICount
    {
        Vector256<short> twos = Vector256.Create((short)2);
        (Vector256.Load(a) + Avx2.MultiplyAddAdjacent(c0, twos)).Store(a);
        if (TVectors.Value > 1) (Vector256.Load(a + 8) + Avx2.MultiplyAddAdjacent(c1, twos)).Store(a + 8);
    }
}

/// <summary>Bytes x + 128 times signs, for <see cref="ConvolutionInt8SignsAvx2"/>, which sums them with fewer instructions than one by one.</summary>
public readonly unsafe struct Int8SignDotAvx2 : IInt8Dot<Vector256<int>>
{
    /// <inheritdoc/>
    public static string Name => "signs-avx2";

    /// <inheritdoc/>
    public static CpuFeature Requires => CpuFeature.Avx2;

    /// <inheritdoc/>
    public static (double ProductsPerCycle, double RequantizeCycles) Cost => (48, 9);

    /// <inheritdoc/>
    public static int Step => 4;

    /// <inheritdoc/>
    public static int Lanes => Vector256<int>.Count;

    /// <inheritdoc/>
    public static int Vectors => 2;

    /// <inheritdoc/>
    public static bool IsDoubled => false;

    /// <inheritdoc/>
    public static bool AllowsWeightZeroPoints => false;

    /// <inheritdoc/>
    public static int InputOffset(int zeroPoint) => 128;

    /// <inheritdoc/>
    public static Vector256<int> Load(void* source) => Vector256.Load((int*)source);

    /// <inheritdoc/>
    public static Vector256<int> Broadcast(void* source) => Vector256.Create(*(int*)source);

    /// <inheritdoc/>
    public static Vector256<int> MultiplyAdd(Vector256<int> sum, Vector256<int> input, Vector256<int> weights) =>
        sum + Avx2.MultiplyAddAdjacent(Avx2.MultiplyAddAdjacent(input.AsByte(), weights.AsSByte()), Vector256.Create((short)1));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void MultiplyAdd(ref Vector256<int> sum0, ref Vector256<int> sum1, Vector256<int> input, Vector256<int> weights0, Vector256<int> weights1)
    {
        sum0 = MultiplyAdd(sum0, input, weights0);
        sum1 = MultiplyAdd(sum1, input, weights1);
    }

    /// <inheritdoc/>
    public static void Store(int* destination, Vector256<int> sum) => (sum + sum).Store(destination);

    /// <inheritdoc/>
    public static void Convert(sbyte* source, byte* destination, nint count, int zeroPoint) => Int8Widening.ToUnsigned(source, destination, count);

    /// <inheritdoc/>
    public static void Requantize(in ConvolutionInt8Tile tile, in ConvolutionInt8Call call) => RequantizeAvx2.Tile(tile, call);
}
