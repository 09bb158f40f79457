using System.Runtime.InteropServices;
using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Cross-layer equalisation (Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", 2019): between
/// two layers with nothing but ReLU, pooling and the like, channel i of the first is divided by s[i] and the weights of the second
/// that read it are multiplied by s[i] = √(r₁[i] / r₂[i]), so that the largest weights r₁[i] and r₂[i] become the same; over chains
/// until nothing changes. The network computes the same function. An upper bound b (ReLU6) holds for all channels alike: channels
/// that come near it on the calibration data keep s = 1, others s ≥ their largest value / b; without data such pairs stay.
/// <para>
/// High biases are absorbed: a channel whose output is never below c > 0 on the calibration data loses c from its bias, and W₂·c goes to the second
/// layer's, where no padding puts zeros beside such channels. (The paper has no data, and takes c from batch normalisation.)
/// </para>
/// </summary>
public sealed class Equalize(EqualizeOptions options) : ICompressionPass
{
    private const int MostRounds = 40;

    // Changes of scales below this end the rounds; no single change exceeds this limit.
    private const double Settled = 0.001, MostScale = 1e4;

    // Channels whose weights are below this share of the layer's largest are dead, and stay.
    private const double Dead = 1e-6;

    // Channels that stay below this share of a bound on the calibration data are taken not to reach it.
    private const float Free = 0.8f;

    /// <inheritdoc/>
    public string Name => "equalize";

    /// <inheritdoc/>
    public bool NeedsCalibration => false;

    /// <summary>What it was created with.</summary>
    public EqualizeOptions Options => options;

    /// <inheritdoc/>
    public PassReport Apply(Graph graph, PassContext context)
    {
        NodeNames.Require(graph, Name, Options.Skip);
        GraphOptimizer.Optimize(graph);
        GraphIndex index = new(graph);
        // A layer in the middle of a chain is part of two pairs, which must see each other's changes.
        Dictionary<Node, Weights> layers = graph.Nodes.Where(n => n.Output.Type == ElementType.Float32 && !Options.Skip.Contains(n.Name))
            .Select(n => (Node: n, Weights: Weights.Of(n))).Where(p => p.Weights is not null).ToDictionary(p => p.Node, p => p.Weights!);
        Pair[] pairs = [.. layers.Keys.Select(n => Pair.From(n, layers, index)).OfType<Pair>()];
        if (Options.DropBounds)
            foreach (Pair pair in pairs) pair.DropBound();
        else if (context.Calibration is not null) Observe(graph, context, [.. pairs.Where(p => p.IsBounded)], (pair, outputs) => pair.Widen(outputs));
        Pair[] usable = [.. pairs.Where(p => !p.IsBounded || p.Largest.Length > 0)];
        for (int round = 0; round < MostRounds; round++)
            if (usable.Sum(p => p.Balance()) < Settled * usable.Length) break;
        void Store()
        {
            foreach (Node node in usable.SelectMany(p => new[] { p.First, p.Second }).Distinct()) layers[node].Store(index);
        }
        Store();
        int absorbed = 0;
        if (Options.Absorb && context.Calibration is not null)
        {
            Pair[] plain = [.. usable.Where(p => !p.IsPadded)];
            Observe(graph, context, plain, (pair, outputs) => pair.Lower(outputs));
            absorbed = plain.Sum(p => p.Absorb());
            Store();
        }
        return new PassReport(Name, usable.Length)
        {
            Notes = [.. pairs.Except(usable).Select(p => $"{p.First} has an upper bound, whose channels only calibration data can tell: left as it is"),
                .. absorbed > 0 ? [$"{absorbed} channels handed the least they give on to the next layer's bias"] : Array.Empty<string>()],
        };
    }

    private static void Observe(Graph graph, PassContext context, Pair[] pairs, Action<Pair, ReadOnlySpan<float>> look)
    {
        if (pairs.Length == 0) return;
        using InferenceSession session = new(graph, context.Options(keepIntermediates: true));
        context.RequireCalibration().ForEach(session, _ =>
        {
            foreach (Pair pair in pairs) look(pair, MemoryMarshal.Cast<byte, float>(session.ValueBytes(pair.First.Output)));
        });
    }

    /// <summary>Two layers, the first of which feeds only the second.</summary>
    private sealed class Pair
    {
        private readonly Node[] _between;
        private readonly Weights _first, _second;
        private float[] _least = [];
        private float _bound;

        private Pair((Node, Weights) first, (Node, Weights) second, Node[] between, float bound)
        {
            (First, _first) = first;
            (Second, _second) = second;
            (_between, _bound) = (between, bound);
        }

        public Node First { get; }

        public Node Second { get; }

        public bool IsBounded => !float.IsPositiveInfinity(_bound);

        /// <summary>Largest outputs of each channel of the first layer, where that counts.</summary>
        public float[] Largest { get; private set; } = [];

        public static Pair? From(Node first, Dictionary<Node, Weights> layers, GraphIndex index)
        {
            Weights weights = layers[first];
            List<Node> between = [];
            float bound = float.PositiveInfinity;
            for (Node? node = first; node is not null; node = index.OnlyConsumer(node.Output))
            {
                if (node != first && layers.TryGetValue(node, out Weights? second))
                    return second.Inputs == weights.Outputs ? new Pair((first, weights), (node, second), [.. between], bound) : null;
                if (node != first && !KeepsScales(node, weights.Outputs)) return null;
                if (node.Attributes.Float("min") is not (0 or float.NegativeInfinity)) return null;
                bound = Math.Min(bound, node.Attributes.Float("max", float.PositiveInfinity));
                between.Add(node);
            }
            return null;
        }

        /// <summary>Whether zeros of padding stand beside the channels.</summary>
        public bool IsPadded => _between.Append(Second).Any(n => n.Type == OperatorType.Pad || (n != First && n.Type != OperatorType.MaxPool && n.Attributes.Ints("pads").ContainsAnyExcept(0)));

        public void DropBound()
        {
            foreach (Node node in _between) node.Attributes.Remove("max");
            _bound = float.PositiveInfinity;
        }

        public void Widen(ReadOnlySpan<float> outputs)
        {
            if (Largest.Length == 0) Largest = new float[_first.Outputs];
            for (int i = 0; i < outputs.Length; i++) Largest[i % Largest.Length] = Math.Max(Largest[i % Largest.Length], outputs[i]);
        }

        public void Lower(ReadOnlySpan<float> outputs)
        {
            if (_least.Length == 0) _least = [.. Enumerable.Repeat(float.PositiveInfinity, _first.Outputs)];
            for (int i = 0; i < outputs.Length; i++) _least[i % _least.Length] = Math.Min(_least[i % _least.Length], outputs[i]);
        }

        /// <summary>Moves what channels always give to the second layer's bias; returns how many have such.</summary>
        public int Absorb()
        {
            // A channel that meets the bound would meet it later.
            for (int c = 0; c < _least.Length; c++)
                if (!(_least[c] > 0) || (IsBounded && Largest[c] >= Free * _bound)) _least[c] = 0;
            for (int c = 0; c < _least.Length; c++) _first.Bias[c] -= _least[c];
            for (int i = 0; i < _second.Values.Length; i++) _second.Bias[i / _second.PerOutput] += _second.Values[i] * _least[_second.InputChannel(i)];
            return _least.Count(c => c > 0);
        }

        /// <summary>Brings the ranges of both sides together; returns how far they were apart, as the mean of |ln s|.</summary>
        public double Balance()
        {
            double[] r1 = new double[_first.Outputs], r2 = new double[_first.Outputs];
            for (int i = 0; i < _first.Values.Length; i++) r1[i / _first.PerOutput] = Math.Max(r1[i / _first.PerOutput], Math.Abs(_first.Values[i]));
            for (int i = 0; i < _second.Values.Length; i++) r2[_second.InputChannel(i)] = Math.Max(r2[_second.InputChannel(i)], Math.Abs(_second.Values[i]));
            float[] scales = new float[r1.Length];
            double change = 0, dead1 = Dead * r1.Max(), dead2 = Dead * r2.Max();
            for (int c = 0; c < scales.Length; c++)
            {
                scales[c] = r1[c] > dead1 && r2[c] > dead2 ? (float)Math.Clamp(Math.Sqrt(r1[c] / r2[c]), 1 / MostScale, MostScale) : 1;
                if (IsBounded) scales[c] = Largest[c] >= Free * _bound ? 1 : Math.Max(scales[c], Largest[c] / (Free * _bound));
                change += Math.Abs(Math.Log(scales[c])) / scales.Length;
            }
            for (int i = 0; i < _first.Values.Length; i++) _first.Values[i] /= scales[i / _first.PerOutput];
            for (int i = 0; i < _second.Values.Length; i++) _second.Values[i] *= scales[_second.InputChannel(i)];
            for (int c = 0; c < scales.Length; c++)
            {
                _first.Bias[c] /= scales[c];
                if (IsBounded) Largest[c] /= scales[c];
            }
            return change;
        }

        // f(s·x) = s·f(x) for s > 0, channel by channel.
        private static bool KeepsScales(Node node, int channels) => node.Output.Shape is { Rank: > 0 } shape && shape[-1] == channels && node.Input(0).Shape[-1] == channels && node.Type switch
        {
            OperatorType.Clip or OperatorType.MaxPool or OperatorType.AveragePool or OperatorType.Reshape => true,
            OperatorType.Pad => node.Attributes.Float("value") == 0,
            OperatorType.ReduceMean => !node.Attributes.Ints("axes").Contains(node.Input(0).Shape.Rank - 1),
            _ => false,
        };
    }
}
