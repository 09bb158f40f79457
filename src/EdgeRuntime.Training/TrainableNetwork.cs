using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Training;

/// <summary>
/// A graph whose float constants are trained: weights, biases and the constants of batch normalisation. Batches are made of
/// samples as the graph's inputs describe them (batch 1), stacked on the first axis. Weights marked as sparse that are 0 stay 0.
/// </summary>
public class TrainableNetwork
{
    private readonly Dictionary<ValueInfo, Variable> _constants = [];
    private readonly List<(Variable Weights, bool[] IsZero)> _masks = [];
    private readonly Dictionary<ValueInfo, int> _batchAxes = [];
    private readonly HashSet<ValueInfo> _sequences = [];

    /// <summary>Takes the constants of <paramref name="graph"/> as they are; <see cref="Store"/> writes them back.</summary>
    /// <exception cref="ModelException">An operator or a type can't be trained; the message names the node.</exception>
    public TrainableNetwork(Graph graph) : this(graph, null) { }

    /// <summary>For networks of integers, which have a <paramref name="trained"/>: it gives the float constant that is trained for input number i of a node.</summary>
    private protected TrainableNetwork(Graph graph, Func<Node, int, ValueInfo?>? trained)
    {
        Graph = graph;
        foreach (Node node in graph.Nodes.Where(IsRecurrent))
            foreach (int i in (ReadOnlySpan<int>)[0, RecurrentShape.FirstHidden, RecurrentShape.FirstCell])
                if (node.OptionalInput(i) is { } sequence) _sequences.Add(sequence);
        foreach (ValueInfo input in graph.Inputs) _batchAxes[input] = _sequences.Contains(input) || (input.Shape.Rank == 3 && input.Shape[0] > 1 && input.Shape[1] == 1) ? 1 : 0;
        foreach (Node node in graph.Nodes)
        {
            GraphOperators.Check(node, trained is not null);
            for (int i = 0; i < node.Inputs.Count; i++)
                if (node.Inputs[i] is { IsConstant: true } value && !_constants.ContainsKey(value))
                {
                    ValueInfo source = trained?.Invoke(node, i) ?? value;
                    _constants[value] = trained is not null && source.Quantization is { } q ? new Variable(source.Name, source.Shape, q.Dequantize(source.Constant!), false) : Variable(node, i, source, source.Constant!);
                    if (source.Sparsity is not null) _masks.Add((_constants[value], Array.ConvertAll(_constants[value].Data, w => w == 0)));
                }
            foreach (ValueInfo output in node.Outputs) _batchAxes[output] = BatchAxis(node);
        }
    }

    /// <summary>The network.</summary>
    public Graph Graph { get; }

    /// <summary>What is trained, in the order of first use.</summary>
    public IReadOnlyList<Variable> Parameters => [.. State.Where(v => v.RequiresGradient)];

    /// <summary>Parameters and running statistics: all that a checkpoint holds of the network.</summary>
    public virtual IReadOnlyList<Variable> State => [.. _constants.Values];

    /// <summary>The outputs before their softmax, if they have one: what losses of classifiers take.</summary>
    public IReadOnlyList<ValueInfo> Logits => [.. Graph.Outputs.Select(y => LogitsOf(Graph, y))];

    /// <summary>The variable of a constant.</summary>
    public Variable this[ValueInfo constant] => _constants[constant];

    /// <summary>
    /// Runs a batch; <paramref name="inputs"/> have the shapes of the graph's inputs, stacked on the first axis. Returns the outputs, or what <paramref name="wanted"/> names instead.
    /// </summary>
    public Variable[] Forward(Tape tape, IReadOnlyList<Variable> inputs, IReadOnlyList<ValueInfo>? wanted = null)
    {
        Dictionary<ValueInfo, Variable> values = [];
        for (int i = 0; i < inputs.Count; i++)
        {
            ValueInfo input = Graph.Inputs[i];
            if (inputs[i].Shape.With(0, 1) != input.Shape.With(0, 1)) throw new ArgumentException($"input {input} given as {inputs[i].Shape}");
            values[input] = _batchAxes[input] is > 0 and var axis ? Regroup(tape, inputs[i], 0, input.Shape, axis, inputs[i].Shape[0] / input.Shape[0]) : inputs[i];
        }
        return Forward(tape, values, wanted ?? Graph.Outputs);
    }

    /// <summary>Computes <paramref name="wanted"/> from the values <paramref name="given"/>, which hold a batch each, and nothing that they don't need.</summary>
    public Variable[] Forward(Tape tape, IReadOnlyDictionary<ValueInfo, Variable> given, IReadOnlyList<ValueInfo> wanted)
    {
        Dictionary<ValueInfo, Variable> values = new(given);
        HashSet<ValueInfo> needed = [.. wanted];
        List<Node> nodes = [];
        foreach (Node node in Enumerable.Reverse(Graph.Nodes))
            if (node.Outputs.Any(needed.Contains) && !node.Outputs.All(given.ContainsKey))
            {
                nodes.Add(node);
                needed.UnionWith(node.Inputs.OfType<ValueInfo>());
            }
        (ValueInfo value, Variable variable) = given.First();
        int batch = variable.Shape[_batchAxes[value]] / value.Shape[_batchAxes[value]];
        foreach (Node node in Enumerable.Reverse(nodes))
        {
            Variable?[] x = [.. node.Inputs.Select(v => v is null ? null : values.GetValueOrDefault(v) ?? _constants[v])];
            if (IsRecurrent(node))
            {
                Variable[] outputs = RunRecurrent(tape, node, x);
                for (int i = 0; i < outputs.Length; i++) values[node.Outputs[i]] = outputs[i];
                continue;
            }
            int axis = _batchAxes[node.Output];
            values[node.Output] = MovesBatch(node) ? Regroup(tape, x[0]!, _batchAxes[node.Input(0)], node.Output.Shape, axis, batch)
                : Run(tape, node, x, axis >= 0 ? node.Output.Shape.With(axis, batch * node.Output.Shape[axis]) : node.Output.Shape);
        }
        return [.. wanted.Select(v => values[v])];
    }

    /// <summary>Computes <paramref name="node"/>; <paramref name="shape"/> is its output's with the batch. Quantised networks compute otherwise.</summary>
    protected virtual Variable Run(Tape tape, Node node, Variable?[] inputs, TensorShape shape) => GraphOperators.Run(tape, node, inputs, shape);

    /// <summary>Computes all outputs of a recurrent <paramref name="node"/>.</summary>
    protected virtual Variable[] RunRecurrent(Tape tape, Node node, Variable?[] inputs) => RecurrentLayers.Run(tape, node, inputs);

    /// <summary>Brings parameters back to what they may be, after each step of the optimiser.</summary>
    public virtual void Constrain()
    {
        foreach (var (weights, isZero) in _masks)
            for (int i = 0; i < isZero.Length; i++)
                if (isZero[i]) weights.Data[i] = 0;
    }

    /// <summary>Writes the constants back into the graph.</summary>
    public virtual void Store()
    {
        foreach (var (value, variable) in _constants) value.Constant = Tensor.From<float>(value.Shape, variable.Data);
    }

    private Variable Variable(Node node, int index, ValueInfo value, Tensor constant)
    {
        if (constant.Type is not (ElementType.Float32 or ElementType.Float16))
            throw new ModelException(ModelErrorKind.Unsupported, node.ToString(), $"{value} can't be trained; train the float network, before it is quantised");
        bool isStatistic = node.Type == OperatorType.BatchNormalization && index >= 3, isState = IsRecurrent(node) && index is (RecurrentShape.FirstHidden or RecurrentShape.FirstCell);
        value.Type = ElementType.Float32;
        return new Variable(value.Name, value.Shape, constant.ToFloats(), !isStatistic && !isState);
    }

    /// <summary>What the softmax behind <paramref name="output"/> takes, through quantisation, if there is one; else that output.</summary>
    public static ValueInfo LogitsOf(Graph graph, ValueInfo output)
    {
        ValueInfo value = output;
        while (graph.Nodes.Find(n => n.Output == value) is { Type: OperatorType.Quantize or OperatorType.Dequantize or OperatorType.Requantize } node) value = node.Input(0);
        return graph.Nodes.Find(n => n.Output == value) is { Type: OperatorType.Softmax } softmax ? softmax.Input(0) : output;
    }

    /// <summary>Where the batch is in a node's output; −1 where it has none.</summary>
    private int BatchAxis(Node node)
    {
        if (node.Inputs.FirstOrDefault(v => v is { IsConstant: false }) is not { } x) return -1;
        int axis = _batchAxes[x];
        switch (node.Type)
        {
            case OperatorType.Transpose: return node.Attributes.Ints("perm").IndexOf(axis);
            case OperatorType.Reshape: return ReshapedBatchAxis(node, x.Shape, axis);
            case OperatorType.Lstm or OperatorType.Gru: return 1;
            case OperatorType.Slice when node.Output.Shape[axis] != x.Shape[axis]:
                throw new ModelException(ModelErrorKind.Unsupported, node.ToString(), $"a part of a batch of {x.Shape} can't be trained");
            case OperatorType.ReduceMean when node.Attributes.Int("keepdims") == 0: return axis - node.Attributes.Ints("axes").ToArray().Count(a => (a < 0 ? a + x.Shape.Rank : a) < axis);
            default: return axis;
        }
    }

    /// <summary>A dimension of 1 where recurrent layers want it, or with as many elements before it; else one that the batch can be part of.</summary>
    private int ReshapedBatchAxis(Node node, TensorShape x, int axis)
    {
        TensorShape y = node.Output.Shape;
        long before = x.CountOf(0, axis);
        if (x[axis] == 1)
        {
            if (_sequences.Contains(node.Output) && y[1] == 1) return 1;
            int[] ones = [.. Enumerable.Range(0, y.Rank).Where(i => y[i] == 1)];
            if (ones.Length > 0) return ones.Where(i => y.CountOf(0, i) == before).Append(ones[0]).First();
        }
        // Where a sample has several rows, as a volume has slices, a dimension of 1 before them makes samples of them again.
        for (int i = 0; i < y.Rank; i++)
            if (y.CountOf(0, i) == before && (y[i] == 1 || y[i] % x[axis] == 0)) return i;
        throw new ModelException(ModelErrorKind.Unsupported, node.ToString(), $"a batch of {x} doesn't go on as one of {y}");
    }

    /// <summary>Whether other axes pass the batch in a reshape, which moves no data in a batch of one.</summary>
    private bool MovesBatch(Node node)
    {
        if (node.Type != OperatorType.Reshape || _batchAxes[node.Output] is not (>= 0 and var to) || _batchAxes[node.Input(0)] is not (>= 0 and var from)) return false;
        TensorShape x = node.Input(0).Shape, y = node.Output.Shape;
        return x[from] == 1 && y[to] == 1 && x.CountOf(0, from) != y.CountOf(0, to);
    }

    /// <summary>Gives each sample of a batch along axis <paramref name="from"/> the shape <paramref name="sample"/>, and stacks them along axis <paramref name="to"/>, which has 1 element there.</summary>
    private static Variable Regroup(Tape tape, Variable x, int from, TensorShape sample, int to, int batch)
    {
        if (from > 0) x = tape.Transpose(x, [from, .. Enumerable.Range(0, x.Shape.Rank).Where(i => i != from)]);
        int[] others = [.. Enumerable.Range(0, sample.Rank).Where(i => i != to)];
        x = tape.Reshape(x, new TensorShape([batch, .. others.Select(i => sample[i])]));
        return to == 0 ? x : tape.Transpose(x, [.. Enumerable.Range(1, to), 0, .. Enumerable.Range(to + 1, sample.Rank - to - 1)]);
    }

    private protected static bool IsRecurrent(Node node) => node.Type is OperatorType.Lstm or OperatorType.Gru;
}
