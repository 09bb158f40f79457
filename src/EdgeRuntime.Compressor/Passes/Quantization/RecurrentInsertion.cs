using System.Runtime.InteropServices;
using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Makes quantised layers of float LSTMs and GRUs: int8 weights with one scale a row (or int4 ones, also in groups), int32 biases, int16 cells whose scale is the
/// power of two that holds the largest cell of the calibration. First and last states stay float outside and are converted at the node.
/// </summary>
internal static class RecurrentInsertion
{
    private static readonly QuantizationParameters UnitState = new(MathF.ScaleB(1, -15), 0);

    /// <summary>Whether <paramref name="node"/> can be quantised.</summary>
    public static bool IsQuantizable(Node node) => IsFloat(node) && node.OptionalInput(RecurrentShape.W2) is null && node.OptionalInput(RecurrentShape.R2) is null or { IsConstant: true }
        && node.Inputs.Skip(RecurrentShape.W).Take(4).All(v => v is null or { IsConstant: true })
        && node.Inputs.Skip(RecurrentShape.FirstHidden).Take(2).All(v => v is null or { IsConstant: false });

    private static bool IsFloat(Node node) => node.Type is OperatorType.Lstm or OperatorType.Gru && node.Inputs.All(v => v is null or { Type: ElementType.Float32 or ElementType.Float16 });

    /// <summary>The weights of a float layer as integers, which the runtime widens when it loads the network: <paramref name="store"/> gives the form of each.</summary>
    public static bool StoreWeights(Node node, Func<ValueInfo, ValueInfo> store)
    {
        if (!IsFloat(node)) return false;
        foreach (int i in (ReadOnlySpan<int>)[RecurrentShape.W, RecurrentShape.R, RecurrentShape.W2, RecurrentShape.R2])
            if (node.OptionalInput(i) is { IsConstant: true } weights) node.Inputs[i] = store(weights);
        return true;
    }

    /// <summary>Nodes that only move states between recurrent layers and the graph's inputs and outputs: they must not round them to 8 bits.</summary>
    public static HashSet<Node> StateMovers(Graph graph)
    {
        HashSet<Node> movers = [];
        GraphIndex index = new(graph);
        foreach (Node node in graph.Nodes.Where(n => n.Type is OperatorType.Lstm or OperatorType.Gru))
        {
            foreach (ValueInfo v in node.Inputs.Skip(RecurrentShape.FirstHidden).Take(2).OfType<ValueInfo>())
                for (Node? p = index.Producer(v); p is not null && IsMover(p); p = index.Producer(p.Input(0))) movers.Add(p);
            Queue<ValueInfo> open = new(node.Outputs.Skip(1));
            while (open.TryDequeue(out ValueInfo? v))
                foreach (Node reader in index.Consumers(v).Where(n => IsMover(n) && movers.Add(n))) open.Enqueue(reader.Output);
        }
        return movers;
    }

    /// <summary>Largest cell of every LSTM over the calibration data.</summary>
    public static Dictionary<Node, double> LargestCells(Graph graph, IEnumerable<Node> nodes, PassContext context)
    {
        Dictionary<Node, HostRecurrent> lstms = nodes.Where(n => n.Type == OperatorType.Lstm).ToDictionary(n => n, n => new HostRecurrent(n, Reals));
        if (lstms.Count == 0) return [];
        using InferenceSession session = new(graph, context.Options(keepIntermediates: true));
        double[] Values(ValueInfo? v) => v is null ? [] : Array.ConvertAll(MemoryMarshal.Cast<byte, float>(session.ValueBytes(v)).ToArray(), f => (double)f);
        context.RequireCalibration().ForEach(session, _ =>
        {
            foreach (var (node, lstm) in lstms)
                lstm.Run(Values(node.Input(0)), Values(node.OptionalInput(RecurrentShape.FirstHidden)), Values(node.OptionalInput(RecurrentShape.FirstCell)));
        });
        return lstms.ToDictionary(p => p.Key, p => p.Value.LargestCell);
    }

    /// <summary>
    /// Makes <paramref name="node"/> compute on integers. Its input comes from a Dequantize, and its output goes to a Quantize,
    /// as <see cref="Int8Insertion"/> has put them there.
    /// </summary>
    public static void Apply(Node node, double largestCell, QuantizeInt4? nibbles, GraphIndex index)
    {
        Graph graph = index.Graph;
        bool lstm = node.Type == OperatorType.Lstm;
        Node quantize = index.OnlyConsumer(node.Output)!;
        node.Inputs[0] = index.Producer(node.Input(0), OperatorType.Dequantize)!.Input(0);
        node.Outputs[0] = quantize.Output;
        graph.Nodes.Remove(quantize);
        index.Invalidate();
        Quantize(node, RecurrentShape.W, RecurrentShape.Bias, node.Input(0).Quantization!.Scale, nibbles, index);
        Quantize(node, RecurrentShape.R, RecurrentShape.RecurrentBias, node.Output.Quantization!.Scale, nibbles, index);
        if (node.OptionalInput(RecurrentShape.R2) is { } second)
            node.Inputs[RecurrentShape.R2] = nibbles?.Quantize(node, second, new float[second.Shape[0]], WeightRounding.ToNearest, index) ?? Int8(second, new float[second.Shape[0]], graph);
        QuantizationParameters state = UnitState;
        if (lstm)
        {
            // A tenth of room, as other inputs may reach further than the calibration's.
            int exponent = Math.Clamp((int)Math.Ceiling(Math.Log2(Math.Max(largestCell * 1.1, 1e-9))) - 15, -15, 0);
            node.Attributes.Set("cell_exponent", exponent);
            state = new QuantizationParameters(MathF.ScaleB(1, exponent), 0);
        }
        ConvertState(node, 0, lstm ? ElementType.Int8 : ElementType.Int16, lstm ? node.Output.Quantization : state, index);
        if (lstm) ConvertState(node, 1, ElementType.Int16, state, index);
    }

    private static void Quantize(Node node, int weights, int bias, float inputScale, QuantizeInt4? nibbles, GraphIndex index)
    {
        ValueInfo w = node.Input(weights);
        double[] biases = node.OptionalInput(bias) is { } b ? Reals(b) : [];
        // Large enough for the bias to stay below 2^29 steps of scale[row] · input scale.
        float[] least = new float[w.Shape[0]];
        for (int r = 0; r < biases.Length; r++) least[r] = (float)(Math.Abs(biases[r]) / inputScale / (1 << 29));
        node.Inputs[weights] = nibbles?.Quantize(node, w, least, WeightRounding.ToNearest, index) ?? Int8(w, least, index.Graph);
        if (biases.Length == 0) return;
        // Factors are multiplied out at load, to scales of their own, which biases are then converted to.
        Int8Weights stored = Int8Weights.From(node.Input(weights).Constant!, node.Input(weights).Quantization!)!;
        float[] scales = [.. Enumerable.Range(0, biases.Length).Select(r => inputScale * stored.Scale(r))];
        int[] sums = [.. biases.Select((offset, r) => (int)Math.Round(offset / ((double)inputScale * stored.Scale(r))))];
        node.Inputs[bias] = new ValueInfo(GraphEditor.UniqueName(index.Graph, node.Input(bias).Name + ".int32"), Tensor.Vector<int>(sums), new QuantizationParameters(scales, axis: 0));
    }

    // scale[row] = max |w| / 127, but not below the least.
    private static ValueInfo Int8(ValueInfo w, float[] least, Graph graph)
    {
        float[] values = w.Constant!.ToFloats(), scales = new float[w.Shape[0]];
        int length = w.Shape[1];
        float most = Math.Max(values.Select(Math.Abs).DefaultIfEmpty().Max(), 1e-20f);
        sbyte[] integers = new sbyte[values.Length];
        for (int r = 0; r < scales.Length; r++)
        {
            float largest = values.AsSpan(r * length, length).ToArray().Select(Math.Abs).DefaultIfEmpty().Max();
            scales[r] = Math.Max((largest > 0 ? largest : most) / sbyte.MaxValue, least[r]);
            for (int k = 0; k < length; k++) integers[r * length + k] = (sbyte)Requantize.Quantize(values[r * length + k], scales[r], 0, -sbyte.MaxValue, sbyte.MaxValue);
        }
        return new ValueInfo(GraphEditor.UniqueName(graph, w.Name + ".int8"), Tensor.From<sbyte>(w.Shape, integers), new QuantizationParameters(scales, axis: 0)) { Sparsity = w.Sparsity };
    }

    /// <summary>Puts conversions between the integers of the first and last state number <paramref name="state"/> and the floats outside.</summary>
    private static void ConvertState(Node node, int state, ElementType type, QuantizationParameters? parameters, GraphIndex index)
    {
        ValueInfo Integers(ValueInfo v) => new(GraphEditor.UniqueName(index.Graph, v.Name + ".state"), type, v.Shape, parameters);
        if (node.OptionalInput(RecurrentShape.FirstHidden + state) is { } first)
        {
            ValueInfo integers = Integers(first);
            index.InsertBefore(node, new Node(OperatorType.Quantize, integers.Name, [first], [integers]));
            node.Inputs[RecurrentShape.FirstHidden + state] = integers;
        }
        if (node.Outputs.ElementAtOrDefault(RecurrentShape.LastHidden + state) is { } last)
        {
            ValueInfo integers = Integers(last);
            node.Outputs[RecurrentShape.LastHidden + state] = integers;
            index.InsertAfter(node, new Node(OperatorType.Dequantize, integers.Name, [integers], [last]));
        }
    }

    private static bool IsMover(Node node) => node.Type is OperatorType.Slice or OperatorType.Reshape or OperatorType.Transpose or OperatorType.Concat;

    private static double[] Reals(ValueInfo v) => HostEvaluator.ToReals(v.Constant!, v.Quantization);
}
