using System.Globalization;
using EdgeRuntime.Kernels;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Inference;

/// <summary>
/// Joins consecutive layers to <see cref="ChainOperator"/>s: the factors of low-rank layers, and others whose
/// intermediate is better kept in a near cache. Every way to cut a run of layers into steps is weighed by estimated cycles.
/// </summary>
internal sealed class ChainPlanner
{
    private const int MostLayers = 4;

    /// <summary>Cycles that a step costs besides its kernels, that sharing it between workers costs, and that a band costs for each layer.</summary>
    private const double StepCycles = 150, SharingCycles = 1500, BandCycles = 80;

    /// <summary>The least work of a chunk, as <see cref="SharingPlan"/> has it, and chunks of a worker at most.</summary>
    private const double ChunkCycles = 6_000, ChunksPerWorker = 4;

    /// <summary>
    /// What fusing must save to be worth it where the layers are not factors of one, and what suffices where something between them exceeds the second-level cache.
    /// Estimates overrate it where that cache hides the traffic (<c>edge bench --fuse off</c> beside <c>--fuse auto</c>); MobileNetV2-224 in float takes a tenth less.
    /// </summary>
    private const double LeastGain = 0.25, LeastGainBeyondL2 = 0.1;

    /// <summary>What one step may cost more than its factors as steps, for the memory that it saves: within the estimates' error.</summary>
    private const double FactorLoss = 0.02;

    private readonly LayerOperator[] _layers;
    private readonly ConvolutionShape[] _shapes;
    private readonly ChainFusion _fusion;
    private readonly PrepareContext _context;

    private ChainPlanner(LayerOperator[] layers, ChainFusion fusion, PrepareContext context)
    {
        (_layers, _fusion, _context) = (layers, fusion, context);
        _shapes = [.. layers.Select(l => l.Shape)];
    }

    /// <summary>The plan's steps with chains joined.</summary>
    public static Operator[] Fuse(Graph graph, Operator[] steps, SessionOptions options, PrepareContext context)
    {
        if (options.Fusion == ChainFusion.Off || options.KeepIntermediates) return steps;
        ILookup<ValueInfo, Node> consumers = graph.Consumers();
        bool Follows(Operator a, Operator b) => a is LayerOperator x && b is LayerOperator y && y.Node.Input(0) == x.Node.Output
            && consumers[x.Node.Output].Count() == 1 && !graph.Outputs.Contains(x.Node.Output) && ChainGeometry.Follows(x.Shape, y.Shape);
        List<Operator> result = [];
        for (int i = 0, end; i < steps.Length; i = end)
        {
            for (end = i + 1; end < steps.Length && Follows(steps[end - 1], steps[end]); end++) { }
            if (end == i + 1) result.Add(steps[i]);
            else result.AddRange(new ChainPlanner([.. steps[i..end].Cast<LayerOperator>()], options.Fusion, context).Cut());
        }
        return [.. result];
    }

    /// <summary>The cheapest way to cut the run: shortest paths over the places between layers.</summary>
    private IEnumerable<Operator> Cut()
    {
        int count = _layers.Length;
        double[] best = new double[count + 1];
        (int From, Choice? Chain)[] steps = new (int, Choice?)[count + 1];
        for (int end = 1; end <= count; end++)
        {
            best[end] = best[end - 1] + StepCost(end - 1);
            steps[end] = (end - 1, null);
            for (int from = Math.Max(0, end - MostLayers); from < end - 1; from++)
            {
                if (Weigh(from, end) is not { } chain) continue;
                double cycles = best[from] + (_fusion == ChainFusion.Always ? 1 : chain.Cycles);
                if (cycles > best[end]) continue;
                best[end] = cycles;
                steps[end] = (from, chain);
            }
        }
        List<Operator> result = [];
        for (int end = count; end > 0; end = steps[end].From)
            result.Add(steps[end].Chain is { } chain ? Create(steps[end].From, end, chain) : _layers[end - 1]);
        result.Reverse();
        return result;
    }

    private ChainOperator Create(int from, int end, Choice chain)
    {
        string reason = string.Create(CultureInfo.InvariantCulture,
            $"{chain.Geometry.Bands} bands of {chain.Geometry.BandRows} rows keep {chain.BufferBytes:N0} bytes between the layers; {chain.Cycles:N0} cycles estimated, {chain.Separate:N0} one by one");
        return new ChainOperator(_layers[from..end], chain.Geometry, reason, chain.Compute, _context);
    }

    /// <summary>Cycles of one layer as a step, and of passing on what it makes.</summary>
    private double StepCost(int i)
    {
        double cycles = _layers[i].EstimatedCycles, workers = Math.Clamp(cycles / ChunkCycles, 1, _context.Workers);
        return StepCycles + (cycles + Passing(i)) / workers + (workers > 1 ? SharingCycles : 0) + Weights(i, i + 1);
    }

    /// <summary>Cycles of passing on what layer <paramref name="i"/> makes to a step after it.</summary>
    private double Passing(int i) => i == _layers.Length - 1 ? 0 : Traffic(_layers[i].Node.Output.ByteCount, _layers[i].Node.Output.ByteCount);

    /// <summary>The best bands for layers [<paramref name="from"/>, <paramref name="end"/>) as one step; null where that does not pay.</summary>
    private Choice? Weigh(int from, int end)
    {
        double separate = 0;
        for (int i = from; i < end; i++) separate += StepCost(i);
        ConvolutionShape[] shapes = _shapes[from..end];
        if (shapes.All(s => s.IsPointwise)) shapes = [.. shapes.Select(s => ConvolutionShape.FullyConnected(s.Positions, s.Channels, s.OutChannels) with { Units = s.Units })];
        Choice? best = null;
        int height = shapes[^1].OutHeight;
        for (int bands = 1; bands <= height; bands += Math.Max(1, bands / 2))
        {
            Choice choice = Weigh(from, new ChainGeometry(shapes, (height + bands - 1) / bands)) with { Separate = separate };
            if (best is null || choice.Cycles < best.Cycles) best = choice;
        }
        if (_fusion == ChainFusion.Always) return best;
        // A single row lies in the nearest cache anyway: a band's cost would buy nothing.
        if (shapes[^1].Positions == 1) return null;
        if (!AreFactors(from, end)) return best!.Cycles <= separate * (1 - (_layers[from..(end - 1)].Any(l => l.Node.Output.ByteCount > _context.Caches.L2) ? LeastGainBeyondL2 : LeastGain)) ? best : null;
        return best!.Cycles <= separate * (1 + FactorLoss) + StepCycles ? best with { Cycles = Math.Min(best.Cycles, separate) } : null;
    }

    /// <summary>
    /// Whether what lies between the layers is linear, and narrower than what goes in and comes out, or the windows are those of a
    /// spatial (k×1, 1×k) or canonical polyadic decomposition (1×1, depthwise k×1 and 1×k, 1×1), whose ranks may be larger.
    /// </summary>
    private bool AreFactors(int from, int end)
    {
        int narrowest = Math.Min(_shapes[from].Channels, _shapes[end - 1].OutChannels);
        bool IsPair(int i, bool isDepthwise) => _shapes[i] is { KernelWidth: 1, KernelHeight: > 1 } a && _shapes[i + 1] is { KernelHeight: 1, KernelWidth: > 1 } b
            && a.IsDepthwise == isDepthwise && b.IsDepthwise == isDepthwise;
        bool isDecomposition = end - from == 2 ? IsPair(from, false) : end - from == 4 && _shapes[from].IsPointwise && IsPair(from + 1, true) && _shapes[end - 1].IsPointwise;
        return Enumerable.Range(from, end - from - 1).All(i => (isDecomposition || _shapes[i].OutChannels < narrowest)
            && !_layers[i].Node.Attributes.Contains("min") && !_layers[i].Node.Attributes.Contains("max"));
    }

    private Choice Weigh(int from, ChainGeometry geometry)
    {
        int bands = geometry.BandsPerImage;
        int[] made = new int[geometry.Count];
        // A band in the middle as a worker's first, and the one after it.
        (double first, long buffers) = Band(from, geometry, (bands - 1) / 2, made);
        double next = bands == 1 ? first : Band(from, geometry, (bands - 1) / 2 + 1, made).Cycles;
        double compute = geometry.Batch * (first + (bands - 1) * next);
        // Each chunk of a shared step begins anew.
        double chunks = _context.Workers == 1 ? 1 : Math.Clamp(compute / ChunkCycles, 1, Math.Min(geometry.Bands, ChunksPerWorker * _context.Workers));
        double workers = Math.Min(chunks, _context.Workers), passing = Passing(from + geometry.Count - 1);
        double time = (compute + passing + (chunks - 1) * (first - next)) / workers + (workers > 1 ? SharingCycles : 0);
        return new Choice(geometry, StepCycles + time, compute, buffers);
    }

    private (double Cycles, long BufferBytes) Band(int from, ChainGeometry geometry, int band, int[] made)
    {
        RowRange[] rows = new RowRange[geometry.Count];
        geometry.Rows(band, made, rows);
        double cycles = 0;
        long moved = 0, buffers = 0;
        for (int j = 0; j < rows.Length; j++)
        {
            if (rows[j].Count == 0) continue;
            cycles += BandCycles + _layers[from + j].EstimateBand(geometry.Band(j, rows[j]));
            if (j == 0) continue;
            long pitch = _layers[from + j].Node.Input(0).Type.ByteCount((long)geometry[j].Width * geometry[j].Channels);
            buffers += geometry.Input(j, rows[j]).Count * pitch;
            moved += rows[j - 1].Count * pitch;
        }
        return (cycles + Traffic(moved, buffers) + Weights(from, from + rows.Length, buffers), buffers);
    }

    /// <summary>Cycles to write and read bytes that lie in a set of <paramref name="set"/> bytes.</summary>
    private double Traffic(long bytes, long set) => 2 * bytes * _context.Caches.CyclesPerByte(set);

    /// <summary>Cycles to read the weights of layers [<paramref name="from"/>, <paramref name="end"/>) once, with <paramref name="beside"/> bytes in use beside them.</summary>
    private double Weights(int from, int end, long beside = 0)
    {
        long bytes = 0;
        for (int i = from; i < end; i++) bytes += _layers[i].Node.Input(1).ByteCount;
        return bytes * _context.Caches.CyclesPerByte(bytes + beside);
    }

    private sealed record Choice(ChainGeometry Geometry, double Cycles, double Compute, long BufferBytes)
    {
        /// <summary>Cycles of the layers as steps of their own.</summary>
        public double Separate { get; init; }
    }
}
