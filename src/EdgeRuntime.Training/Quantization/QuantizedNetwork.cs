using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Training;

/// <summary>How a <see cref="QuantizedNetwork"/> trains.</summary>
public sealed record QuantizedTraining
{
    /// <summary>The float layer behind each integer one: weights and biases are the same inputs of both.</summary>
    public required IReadOnlyDictionary<Node, Node> Layers { get; init; }

    /// <summary>Bits of the numbers that int4 weights may take: 4 or 2.</summary>
    public int NibbleBits { get; init; } = 4;

    /// <summary>Whether weight steps are learned.</summary>
    public bool LearnWeightSteps { get; init; } = true;

    /// <summary>Whether activation ranges are learned.</summary>
    public bool LearnRanges { get; init; } = true;

    /// <summary>Whether activations keep the zero point 0 where they have it.</summary>
    public bool Symmetric { get; init; }
}

/// <summary>
/// A network of integer operators, trained through the arithmetic that the runtime will execute: forward, every integer is the one that
/// inference finds; backward, rounding is passed straight through (Jacob et al. 2018; Esser et al., "Learned step size quantization",
/// 2020). Float weights and biases are trained, and steps and ranges if wanted. Batch normalisation is to be folded before.
/// </summary>
public sealed class QuantizedNetwork : TrainableNetwork
{
    private static readonly (int Weights, int Bias)[] Recurrent = [(RecurrentShape.W, RecurrentShape.Bias), (RecurrentShape.R, RecurrentShape.RecurrentBias), (RecurrentShape.R2, -1)];

    private readonly HashSet<Node> _layers;
    private readonly Dictionary<ValueInfo, QuantizationSteps> _weights = [];
    private readonly Dictionary<ValueInfo, QuantizationSteps> _activations = [];

    /// <summary>Takes scales and zero points of <paramref name="graph"/> as the first ones, and the weights from <paramref name="training"/>.</summary>
    /// <exception cref="ModelException">An operator can't be trained; the message names the node.</exception>
    public QuantizedNetwork(Graph graph, QuantizedTraining training) : base(graph, (node, input) => Trained(training, node, input))
    {
        _layers = [.. training.Layers.Keys];
        Dictionary<QuantizationParameters, QuantizationSteps> shared = [];
        foreach (Node node in graph.Nodes)
        {
            if (_layers.Contains(node))
                foreach (int i in IsRecurrent(node) ? Recurrent.Select(r => r.Weights) : [1])
                    if (node.OptionalInput(i) is { } weights) _weights[weights] = WeightSteps(weights, training);
            // Values with the same quantisation keep sharing it: operators that only move elements rely on that.
            foreach (ValueInfo v in node.Inputs.OfType<ValueInfo>().Concat(node.Outputs))
                if (v is { Quantization.IsPerTensor: true, Type: ElementType.Int8 or ElementType.UInt8 or ElementType.Int16 } && !_activations.ContainsKey(v) && !_weights.ContainsKey(v))
                {
                    if (!shared.TryGetValue(v.Quantization, out QuantizationSteps? steps))
                        shared[v.Quantization] = steps = QuantizationSteps.Activation(v.Name, v.Quantization, v.Type == ElementType.Int16 || (training.Symmetric && v.Quantization.ZeroPoint == 0), v.Type.MinValue(), v.Type.MaxValue());
                    _activations[v] = steps;
                    if (v.IsConstant || v.Type == ElementType.Int16 || !training.LearnRanges || node.Type is OperatorType.Softmax or OperatorType.Sigmoid or OperatorType.Tanh && v == node.Output) steps.Learn = false;
                }
        }
    }

    /// <inheritdoc/>
    public override IReadOnlyList<Variable> State => [.. base.State, .. _weights.Values.Concat(_activations.Values.Distinct()).SelectMany(s => s.Move is null ? [s.Ratios] : (Variable[])[s.Ratios, s.Move])];

    /// <summary>Writes integer weights, biases, scales and zero points into the graph.</summary>
    public override void Store()
    {
        foreach (var (value, steps) in _activations)
            if (!value.IsConstant) value.Quantization = steps.Parameters();
        foreach (Node node in _layers) StoreLayer(node);
    }

    /// <inheritdoc/>
    protected override Variable Run(Tape tape, Node node, Variable?[] x, TensorShape shape)
    {
        if (node.Type == OperatorType.Dequantize) return x[0]!;
        if (node.Type == OperatorType.Quantize) return tape.FakeQuantize(x[0]!, _activations[node.Output]);
        if (_layers.Contains(node)) return Layer(tape, node, x);
        if (!_activations.ContainsKey(node.Output) || IsMover(node)) return base.Run(tape, node, x, shape);
        return IntegerOperators.Run(tape, node, x, [.. node.Inputs.Select(v => _activations[v!])], Output(node), () => base.Run(tape, node, x, shape));
    }

    /// <inheritdoc/>
    protected override Variable[] RunRecurrent(Tape tape, Node node, Variable?[] x)
    {
        if (!_layers.Contains(node)) return base.RunRecurrent(tape, node, x);
        Variable?[] reals = [.. x.Select((v, i) => node.OptionalInput(i) is { } value && _weights.TryGetValue(value, out QuantizationSteps? steps) ? tape.FakeQuantize(v!, steps) : v)];
        return RecurrentLayers.Run(tape, node, reals, Integers(node));
    }

    /// <summary>The layer with its weights as they would be stored.</summary>
    private IntegerRecurrent Integers(Node node)
    {
        RecurrentShape s = RecurrentShape.Of(node);
        QuantizationSteps x = _activations[node.Input(0)], y = _activations[node.Output];
        Int8Weights Of(int index) => Int8Weights.From(StoredWeights(node.Input(index)), StoredQuantization(node.Input(index)))!;
        (int[], QuantizationParameters)? Biases(int weights, int bias, QuantizationSteps input) => node.OptionalInput(bias) is { } b ? StoredBias(b, node.Input(weights), input) : null;
        Int8Weights recurrent = Of(RecurrentShape.R);
        if (s.RecurrentRank > 0) recurrent = Int8Weights.Product(recurrent, Of(RecurrentShape.R2), s.RecurrentRank, s.HiddenSize, s.Gates * s.HiddenSize);
        return new IntegerRecurrent(node, Of(RecurrentShape.W), recurrent, Biases(RecurrentShape.W, RecurrentShape.Bias, x), Biases(RecurrentShape.R, RecurrentShape.RecurrentBias, y), x, y);
    }

    private bool IsMover(Node node) => node.Type is OperatorType.Reshape or OperatorType.Transpose or OperatorType.Pad or OperatorType.MaxPool or OperatorType.Concat or OperatorType.Slice
        && node.Inputs.All(v => _activations[v!] == _activations[node.Output]);

    private QuantizedOutput Output(Node node) =>
        new(_activations[node.Output], node.Attributes.Float("min", float.NegativeInfinity), node.Attributes.Float("max", float.PositiveInfinity));

    private Variable Layer(Tape tape, Node node, Variable?[] x)
    {
        QuantizationSteps input = _activations[node.Input(0)], weights = _weights[node.Input(1)];
        float inputScale = input.Step(0);
        (float[] scales, byte[] multipliers) = Scales(weights);
        Variable integers = tape.Integers(x[1]!, weights, step => multipliers[step], channel => inputScale / scales[channel]);
        Variable values = IntegerLayers.ToIntegers(tape, x[0]!, inputScale);
        Variable? high = null;
        if (!IsExact(integers, Math.Max(input.Max - input.ZeroPoint, input.ZeroPoint - input.Min)))
        {
            (Variable upper, integers) = IntegerLayers.Split(tape, integers);
            high = Product(tape, node, values, upper);
        }
        return IntegerLayers.Requantized(tape, Product(tape, node, values, integers), high, x.ElementAtOrDefault(2), inputScale, scales, Output(node));
    }

    private static Variable Product(Tape tape, Node node, Variable x, Variable weights) => node.Type == OperatorType.FullyConnected ? tape.Dense(x, weights)
        : tape.Convolution(x, weights, null, GraphOperators.Window(node.Attributes), node.Attributes.Int("group"));

    /// <summary>The scale of each channel's int8 weights and the multiplier of each group of nibbles, found as the runtime finds them.</summary>
    private static (float[] Scales, byte[] Multipliers) Scales(QuantizationSteps weights)
    {
        float[] steps = weights.Steps(), scales = new float[weights.Channels];
        byte[] multipliers = new byte[steps.Length];
        for (int c = 0; c < scales.Length; c++)
        {
            scales[c] = steps[c * weights.Groups];
            multipliers[c * weights.Groups] = 1;
            if (weights.Groups > 1 && !Int8Weights.FindMultipliers(steps.AsSpan(c * weights.Groups, weights.Groups), multipliers.AsSpan(c * weights.Groups, weights.Groups), out scales[c]))
                throw new InvalidOperationException("the groups of a channel lost their proportions");
        }
        return (scales, multipliers);
    }

    private static bool IsExact(Variable weights, int reach)
    {
        int depth = weights.Count / Math.Max(1, weights.Shape[0]);
        if ((long)depth * 128 * reach < IntegerLayers.ExactLimit) return true;
        for (int o = 0; o < weights.Shape[0]; o++)
        {
            double sum = 0;
            foreach (float w in weights.Data.AsSpan(o * depth, depth)) sum += Math.Abs(w);
            if (sum * reach >= IntegerLayers.ExactLimit) return false;
        }
        return true;
    }

    private void StoreLayer(Node node)
    {
        foreach ((int weights, int bias) in IsRecurrent(node) ? Recurrent : [(1, 2)])
        {
            if (node.OptionalInput(weights) is not { } w) continue;
            QuantizationSteps input = _activations[weights is RecurrentShape.R or RecurrentShape.R2 && IsRecurrent(node) ? node.Output : node.Input(0)];
            w.Constant = StoredWeights(w);
            w.Quantization = StoredQuantization(w);
            if (bias < 0 || node.OptionalInput(bias) is not { } b) continue;
            (int[] integers, b.Quantization) = StoredBias(b, w, input);
            b.Constant = Tensor.Vector<int>(integers);
        }
    }

    private Tensor StoredWeights(ValueInfo weights)
    {
        float[] integers = new Tape(1) { IsTraining = false }.Integers(this[weights], _weights[weights], _ => 1, _ => 1).Data;
        sbyte[] bytes = Array.ConvertAll(integers, v => (sbyte)v);
        return weights.Type switch
        {
            ElementType.Int4 => Int4.Pack(weights.Shape, bytes),
            ElementType.Binary => new Tensor(ElementType.Binary, weights.Shape, BitPacked.Signs(integers)),
            _ => Tensor.From<sbyte>(weights.Shape, bytes),
        };
    }

    private QuantizationParameters StoredQuantization(ValueInfo weights)
    {
        QuantizationParameters q = weights.Quantization!;
        return new QuantizationParameters(_weights[weights].Steps(), default, q.Axis, q.GroupSize);
    }

    private (int[] Integers, QuantizationParameters Scales) StoredBias(ValueInfo bias, ValueInfo weights, QuantizationSteps input)
    {
        (float[] scales, _) = Scales(_weights[weights]);
        float inputScale = input.Step(0);
        return (IntegerLayers.Bias(this[bias].Data, inputScale, scales),
            new QuantizationParameters(Array.ConvertAll(scales, s => Math.Max(inputScale * s, float.Epsilon)), axis: scales.Length == 1 ? -1 : 0));
    }

    private static QuantizationSteps WeightSteps(ValueInfo weights, QuantizedTraining training)
    {
        QuantizationParameters q = weights.Quantization!;
        int bits = weights.Type == ElementType.Int4 ? training.NibbleBits : weights.Type.Bits();
        // Steps of least squared error for normal weights: a third of the deviation with 4 bits, the deviation with 2.
        float[] first = Array.ConvertAll(q.Scales.ToArray(), s => bits == 2 ? 3 * s : s);
        QuantizationSteps steps = QuantizationSteps.Symmetric(weights.Name, weights.Shape, first, bits, q.IsPerTensor ? 1 : weights.Shape[0], q.GroupSize);
        steps.Learn = training.LearnWeightSteps;
        return steps;
    }

    private static ValueInfo? Trained(QuantizedTraining training, Node node, int input) => input > 0 && training.Layers.TryGetValue(node, out Node? source) ? source.OptionalInput(input) : null;
}
