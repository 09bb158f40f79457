using EdgeRuntime.Kernels;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Inference;

/// <summary>
/// Several layers as one step. A worker takes a band of the last layer's rows through all layers before it turns to the
/// next, so that what lies between them never leaves its near caches and has no place in the arena. The layers' own
/// kernels compute the bands: integers are the same as those of the layers one by one.
/// </summary>
internal sealed unsafe class ChainOperator : Operator
{
    private readonly LayerOperator[] _layers;

    /// <summary>For each layer, its twin with weights packed for bands that are padded where the whole layer is not, or the reverse; mostly null.</summary>
    private readonly LayerOperator?[] _twins;
    private readonly ChainGeometry _geometry;

    /// <summary>What the layers do for each band as a worker's first, [band, layer], then for each as the successor of the one before it.</summary>
    private readonly BandStep[] _steps;

    /// <summary>Bytes of a row of each layer's input and output; where each layer's rows begin in a worker's scratch, and the kernels' own.</summary>
    private readonly long[] _inputPitch, _outputPitch, _bufferOffset;
    private readonly long _kernelOffset, _workerBytes;
    private byte* _input, _output, _scratch;

    /// <param name="layers">The layers, which this step takes over.</param>
    /// <param name="geometry">Their bands.</param>
    /// <param name="reason">Why they are one step.</param>
    /// <param name="cycles">Estimate for the whole.</param>
    /// <param name="context">For packing weights.</param>
    public ChainOperator(LayerOperator[] layers, ChainGeometry geometry, string reason, double cycles, PrepareContext context)
        : base(layers[^1].Node, string.Join(" > ", layers.Select(l => l.KernelId)), reason)
    {
        int count = layers.Length;
        (_layers, _twins, _geometry) = (layers, new LayerOperator?[count], geometry);
        _steps = new BandStep[2 * geometry.BandsPerImage * count];
        Dictionary<ConvolutionShape, Part>[] parts = [.. layers.Select(_ => new Dictionary<ConvolutionShape, Part>())];
        Nodes = [.. layers.Select(l => l.Node)];
        EstimatedCycles = cycles;
        _inputPitch = [.. layers.Select((l, j) => l.Node.Input(0).Type.ByteCount((long)geometry[j].Width * geometry[j].Channels))];
        _outputPitch = [.. layers.Select((l, j) => l.Node.Output.Type.ByteCount((long)geometry[j].OutWidth * geometry[j].OutChannels))];
        _bufferOffset = new long[count];
        long[] buffers = new long[count];
        long kernel = 0;
        foreach ((int number, bool isFirst, RowRange[] rows) in geometry.AllRows())
            for (int j = 0; j < count; j++)
            {
                if (rows[j].Count == 0) continue;
                ConvolutionShape band = geometry.Band(j, rows[j]);
                RowRange input = geometry.Input(j, rows[j]);
                if (j > 0) buffers[j - 1] = Math.Max(buffers[j - 1], input.Count * _inputPitch[j]);
                if (!parts[j].TryGetValue(band, out Part? part))
                {
                    LayerOperator layer = band.Packing() == layers[j].Shape.Packing() ? layers[j] : _twins[j] ??= layers[j].Repack(band, context);
                    parts[j][band] = part = new(layer, band, layer.PlanBand(band));
                    kernel = Math.Max(kernel, layer.BandScratchBytes(band));
                }
                _steps[StepOf(number, isFirst) + j] = new(part, input.First, rows[j].First);
            }
        for (int j = 0; j < count; j++)
        {
            _bufferOffset[j] = _kernelOffset;
            _kernelOffset += NativeBuffer.Align(buffers[j]);
        }
        _workerBytes = _kernelOffset + NativeBuffer.Align(kernel);
        ScratchBytes = _workerBytes * context.Workers;
    }

    public override IReadOnlyList<Node> Nodes { get; }

    public override long WeightBytes => _layers.Concat(_twins).Sum(l => l?.WeightBytes ?? 0);

    public override long ScratchBytes { get; }

    public override double EstimatedCycles { get; }

    /// <summary>The layers, and each one's part of <see cref="EstimatedCycles"/>: as what they would take one by one.</summary>
    public IEnumerable<(LayerOperator Layer, double Cycles)> Layers
    {
        get
        {
            double share = EstimatedCycles / Math.Max(1, _layers.Sum(l => l.EstimatedCycles));
            return _layers.Select(l => (l, l.EstimatedCycles * share));
        }
    }

    public override int Portions(int stage) => _geometry.Bands;

    public override void Bind(IBinder binder)
    {
        _input = binder.Address(_layers[0].Node.Input(0));
        _output = binder.Address(Node.Output);
        _scratch = binder.Scratch;
    }

    public override void Run(int stage, int first, int end, int worker)
    {
        Span<int> kept = stackalloc int[_layers.Length];
        for (int portion = first; portion < end; portion++)
        {
            (int image, int band) = Math.DivRem(portion, _geometry.BandsPerImage);
            RunBand(image, _steps.AsSpan(StepOf(band, portion == first || band == 0), _layers.Length), kept, _scratch + worker * _workerBytes);
        }
    }

    public override void Dispose()
    {
        foreach (LayerOperator? layer in _layers.Concat(_twins)) layer?.Dispose();
    }

    /// <param name="image">Number in the batch.</param>
    /// <param name="steps">What each layer does.</param>
    /// <param name="kept">Which row each layer's buffer begins with; brought up to date here.</param>
    /// <param name="scratch">The worker's.</param>
    private void RunBand(int image, ReadOnlySpan<BandStep> steps, Span<int> kept, byte* scratch)
    {
        int last = steps.Length - 1;
        for (int j = 0; j <= last; j++)
        {
            if (steps[j].Part is not { } part) continue;
            byte* input = j == 0 ? _input + ((long)image * _geometry[0].Height + steps[j].Read) * _inputPitch[0]
                : scratch + _bufferOffset[j - 1] + (steps[j].Read - kept[j - 1]) * _inputPitch[j];
            byte* output = j == last ? _output + ((long)image * _geometry[j].OutHeight + steps[j].Made) * _outputPitch[j]
                : Place(steps[j].Made, steps[j + 1].Read, ref kept[j], scratch + _bufferOffset[j], _outputPitch[j]);
            part.Layer.RunBand(part.Band, part.Plan, input, output, scratch + _kernelOffset);
        }
    }

    private int StepOf(int band, bool isFirst) => ((isFirst ? 0 : _geometry.BandsPerImage) + band) * _layers.Length;

    /// <summary>Brings the rows still wanted, from <paramref name="wanted"/> on, to the buffer's start; returns where the new ones go.</summary>
    private static byte* Place(int made, int wanted, ref int kept, byte* buffer, long pitch)
    {
        long bytes = (made - wanted) * pitch;
        if (bytes > 0 && wanted != kept) Buffer.MemoryCopy(buffer + (wanted - kept) * pitch, buffer, bytes, bytes);
        kept = wanted;
        return buffer + bytes;
    }

    /// <summary>Who computes a band of a layer, and the kernel's plan.</summary>
    private sealed record Part(LayerOperator Layer, ConvolutionShape Band, object? Plan);

    /// <summary>What a layer does for a band: nothing where there is no part; first rows of its input and output.</summary>
    private readonly record struct BandStep(Part? Part, int Read, int Made);
}
