namespace EdgeRuntime.Compressor;

/// <summary>Which axes of the original window a factor's window runs over.</summary>
[Flags]
internal enum FactorAxes
{
    None = 0,
    Vertical = 1,
    Horizontal = 2,
    Both = Vertical | Horizontal,
}

/// <summary>One layer of a chain: weights [Outputs × window·inputs], and the axes of its window.</summary>
internal sealed record Factor(int Outputs, FactorAxes Axes, bool IsDepthwise, Matrix Weights);

/// <summary>A layer split in factors.</summary>
internal sealed record Factors(int[] Ranks, double Error, IReadOnlyList<Factor> Chain);

/// <summary>The numbers of a layer that its cost depends on; a fully connected one has a window and columns of 1.</summary>
internal readonly record struct LayerSize(int Batch, int Height, int Width, int Channels, int OutHeight, int OutWidth, int Outputs, int KernelHeight, int KernelWidth)
{
    public int Taps => KernelHeight * KernelWidth;

    public long Out => (long)Batch * OutHeight * OutWidth;

    public long Macs => Out * Outputs * Taps * Channels;
}

/// <summary>One way to split a layer: what it costs at which ranks, and how good it is.</summary>
internal abstract class LowRankForm(LayerSize size)
{
    protected LayerSize Size => size;

    public abstract string Name { get; }

    /// <summary>The ranks beyond which nothing is gained.</summary>
    public abstract int[] LargestRanks { get; }

    public abstract long Macs(int[] ranks);

    /// <summary>The least ranks that keep a share of the squared weights.</summary>
    public abstract int[] RanksFor(double energy);

    public abstract Factors Split(int[] ranks);

    /// <summary>All forms that <paramref name="method"/> allows for the layer with these weights.</summary>
    public static IEnumerable<LowRankForm> For(string method, LayerSize size, Matrix weights)
    {
        bool auto = method == "auto", isPointwise = size.Taps == 1;
        if (auto || method == "channel" || isPointwise) yield return new ChannelForm(size, weights);
        if (isPointwise) yield break;
        if ((auto && size.KernelHeight > 1 && size.KernelWidth > 1) || method == "spatial") yield return new SpatialForm(size, weights);
        if (auto || method == "tucker") yield return new TuckerForm(size, weights);
        if (method == "cp") yield return new CpForm(size, weights);
    }
}

/// <summary>k×k to r channels, then 1×1.</summary>
internal sealed class ChannelForm(LayerSize size, Matrix weights) : LowRankForm(size)
{
    private readonly TruncatedSvd _svd = new(weights);

    public override string Name => "channel";

    public override int[] LargestRanks => [Math.Min(weights.Rows, weights.Columns)];

    public override long Macs(int[] ranks) => Size.Out * ranks[0] * ((long)Size.Taps * Size.Channels + Size.Outputs);

    public override int[] RanksFor(double energy) => [_svd.RankFor(energy)];

    public double Error(int rank) => _svd.Error(rank);

    public override Factors Split(int[] ranks)
    {
        (Matrix a, Matrix b) = _svd.Truncate(ranks[0]);
        return new(ranks, Error(ranks[0]), [new(ranks[0], FactorAxes.Both, false, b), new(Size.Outputs, FactorAxes.None, false, a)]);
    }
}

/// <summary>k×1 to r channels, then 1×k (Jaderberg et al., "Speeding up convolutional neural networks with low rank expansions", 2014).</summary>
internal sealed class SpatialForm(LayerSize size, Matrix weights) : LowRankForm(size)
{
    private readonly TruncatedSvd _svd = new(Swap(size, weights));

    public override string Name => "spatial";

    public override int[] LargestRanks => [Math.Min(Size.Outputs * Size.KernelWidth, Size.Channels * Size.KernelHeight)];

    public override long Macs(int[] ranks) => (long)Size.Batch * Size.OutHeight * ranks[0] * ((long)Size.Width * Size.KernelHeight * Size.Channels + (long)Size.OutWidth * Size.KernelWidth * Size.Outputs);

    public override int[] RanksFor(double energy) => [_svd.RankFor(energy)];

    public override Factors Split(int[] ranks)
    {
        (Matrix a, Matrix b) = _svd.Truncate(ranks[0]);
        return new(ranks, _svd.Error(ranks[0]),
            [new(ranks[0], FactorAxes.Vertical, false, b), new(Size.Outputs, FactorAxes.Horizontal, false, a.Reshape(Size.Outputs, Size.KernelWidth * ranks[0]))]);
    }

    // W[o,y,x,c] as M[(o,x),(y,c)].
    private static Matrix Swap(LayerSize size, Matrix weights)
    {
        Matrix m = new(size.Outputs * size.KernelWidth, size.KernelHeight * size.Channels);
        for (int o = 0; o < size.Outputs; o++)
            for (int y = 0; y < size.KernelHeight; y++)
                for (int x = 0; x < size.KernelWidth; x++)
                    weights.Row(o).Slice((y * size.KernelWidth + x) * size.Channels, size.Channels).CopyTo(m.Row(o * size.KernelWidth + x)[(y * size.Channels)..]);
        return m;
    }
}

/// <summary>1×1 to p channels, k×k to q, 1×1.</summary>
internal sealed class TuckerForm(LayerSize size, Matrix weights) : LowRankForm(size)
{
    private readonly Tucker2 _tucker = new(weights, size.Taps);

    public override string Name => "tucker";

    public override int[] LargestRanks => [Size.Channels, Size.Outputs];

    public override long Macs(int[] ranks) => (long)Size.Batch * Size.Height * Size.Width * Size.Channels * ranks[0] + Size.Out * ranks[1] * ((long)Size.Taps * ranks[0] + Size.Outputs);

    public override int[] RanksFor(double energy) => _tucker.RanksFor(energy);

    public override Factors Split(int[] ranks)
    {
        (Matrix v, Matrix g, Matrix u, double error) = _tucker.Truncate(ranks[0], ranks[1]);
        return new(ranks, error, [new(ranks[0], FactorAxes.None, false, v.Transpose()), new(ranks[1], FactorAxes.Both, false, g), new(Size.Outputs, FactorAxes.None, false, u)]);
    }
}

/// <summary>1×1 to r channels, depthwise k×1, depthwise 1×k, 1×1.</summary>
internal sealed class CpForm(LayerSize size, Matrix weights) : LowRankForm(size)
{
    public override string Name => "cp";

    public override int[] LargestRanks => [Math.Min(Size.Outputs * Size.Taps, Size.Channels * Size.Taps)];

    public override long Macs(int[] ranks) => Size.Batch * (long)ranks[0] * ((long)Size.Height * Size.Width * Size.Channels + (long)Size.OutHeight * Size.Width * Size.KernelHeight
        + (long)Size.OutHeight * Size.OutWidth * (Size.KernelWidth + Size.Outputs));

    public override int[] RanksFor(double energy) => throw new NotSupportedException("CP ranks can't be read off a spectrum");

    public override Factors Split(int[] ranks)
    {
        (Matrix[] f, double error) = CanonicalPolyadic.Decompose(weights, Size.KernelHeight, Size.KernelWidth, ranks[0]);
        return new(ranks, error,
        [
            new(ranks[0], FactorAxes.None, false, f[3].Transpose()), new(ranks[0], FactorAxes.Vertical, true, f[1].Transpose()),
            new(ranks[0], FactorAxes.Horizontal, true, f[2].Transpose()), new(Size.Outputs, FactorAxes.None, false, f[0]),
        ]);
    }
}
