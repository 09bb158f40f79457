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

    /// <summary>Takes the constants of <paramref name="graph"/> as they are; <see cref="Store"/> writes them back.</summary>
    /// <exception cref="ModelException">An operator or a type can't be trained; the message names the node.</exception>
    public TrainableNetwork(Graph graph)
    {
        Graph = graph;
        foreach (ValueInfo input in graph.Inputs) _batchAxes[input] = 0;
        foreach (Node node in graph.Nodes)
        {
            GraphOperators.Check(node);
            for (int i = 0; i < node.Inputs.Count; i++)
                if (node.Inputs[i] is { Constant: { } constant } value && !_constants.ContainsKey(value))
                {
                    _constants[value] = Variable(node, i, value, constant);
                    if (value.Sparsity is not null) _masks.Add((_constants[value], Array.ConvertAll(_constants[value].Data, w => w == 0)));
                }
            _batchAxes[node.Output] = BatchAxis(node);
        }
    }

    /// <summary>The network.</summary>
    public Graph Graph { get; }

    /// <summary>What is trained, in the order of first use.</summary>
    public IReadOnlyList<Variable> Parameters => [.. State.Where(v => v.RequiresGradient)];

    /// <summary>Parameters and running statistics: all that a checkpoint holds of the network.</summary>
    public virtual IReadOnlyList<Variable> State => [.. _constants.Values];

    /// <summary>The outputs before their softmax, if they have one: what losses of classifiers take.</summary>
    public IReadOnlyList<ValueInfo> Logits => [.. Graph.Outputs.Select(y => Graph.Nodes.Find(n => n.Output == y) is { Type: OperatorType.Softmax } softmax ? softmax.Input(0) : y)];

    /// <summary>The variable of a constant.</summary>
    public Variable this[ValueInfo constant] => _constants[constant];

    /// <summary>
    /// Runs a batch; <paramref name="inputs"/> have the shapes of the graph's inputs with the batch size in place of the first
    /// dimension. Returns the outputs, or what <paramref name="wanted"/> names instead.
    /// </summary>
    public Variable[] Forward(Tape tape, IReadOnlyList<Variable> inputs, IReadOnlyList<ValueInfo>? wanted = null)
    {
        Dictionary<ValueInfo, Variable> values = [];
        for (int i = 0; i < inputs.Count; i++)
        {
            if (inputs[i].Shape.With(0, 1) != Graph.Inputs[i].Shape.With(0, 1)) throw new ArgumentException($"input {Graph.Inputs[i]} given as {inputs[i].Shape}");
            values[Graph.Inputs[i]] = inputs[i];
        }
        int batch = inputs[0].Shape[0];
        foreach (Node node in Graph.Nodes)
            values[node.Output] = Run(tape, node, [.. node.Inputs.Select(v => v is null ? null : values.GetValueOrDefault(v) ?? _constants[v])],
                _batchAxes[node.Output] is >= 0 and var axis ? node.Output.Shape.With(axis, batch * node.Output.Shape[axis]) : node.Output.Shape);
        return [.. (wanted ?? Graph.Outputs).Select(v => values[v])];
    }

    /// <summary>Computes <paramref name="node"/>; <paramref name="shape"/> is its output's with the batch. Quantised networks compute otherwise.</summary>
    protected virtual Variable Run(Tape tape, Node node, Variable?[] inputs, TensorShape shape) => GraphOperators.Run(tape, node, inputs, shape);

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

    private static Variable Variable(Node node, int index, ValueInfo value, Tensor constant)
    {
        if (constant.Type is not (ElementType.Float32 or ElementType.Float16))
            throw new ModelException(ModelErrorKind.Unsupported, node.ToString(), $"{value} can't be trained; train the float network, before it is quantised");
        bool isStatistic = node.Type == OperatorType.BatchNormalization && index >= 3;
        value.Type = ElementType.Float32;
        return new Variable(value.Name, value.Shape, constant.ToFloats(), !isStatistic);
    }

    /// <summary>Where the batch is in a node's output; −1 where it has none.</summary>
    private int BatchAxis(Node node)
    {
        if (node.Inputs.FirstOrDefault(v => v is { IsConstant: false }) is not { } x) return -1;
        int axis = _batchAxes[x];
        switch (node.Type)
        {
            case OperatorType.Transpose: return node.Attributes.Ints("perm").IndexOf(axis);
            case OperatorType.Reshape:
                long before = x.Shape.CountOf(0, axis);
                for (int i = 0; i < node.Output.Shape.Rank; i++)
                    if (node.Output.Shape.CountOf(0, i) == before && node.Output.Shape[i] % x.Shape[axis] == 0) return i;
                throw new ModelException(ModelErrorKind.Unsupported, node.ToString(), $"a batch of {x.Shape} doesn't go on as one of {node.Output.Shape}");
            case OperatorType.ReduceMean when node.Attributes.Int("keepdims") == 0: return axis - node.Attributes.Ints("axes").ToArray().Count(a => (a < 0 ? a + x.Shape.Rank : a) < axis);
            default: return axis;
        }
    }
}
