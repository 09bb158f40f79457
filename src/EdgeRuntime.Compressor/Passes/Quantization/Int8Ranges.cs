using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>Which nodes compute on int8, and the quantisation of each value that they read or make.</summary>
internal sealed class Int8Ranges
{
    // A concatenated input whose own range is below this share of the whole keeps its own scale, and is converted.
    private const double LeastShare = 0.25;

    private readonly Dictionary<ValueInfo, ValueInfo> _leaders = [];

    private Int8Ranges(IReadOnlyList<Node> nodes, IReadOnlyList<Node> leftInFloat)
    {
        Nodes = nodes;
        LeftInFloat = leftInFloat;
    }

    /// <summary>Nodes to quantise.</summary>
    public IReadOnlyList<Node> Nodes { get; }

    /// <summary>Nodes that are not.</summary>
    public IReadOnlyList<Node> LeftInFloat { get; }

    /// <summary>Int8 parameters of every activation.</summary>
    public Dictionary<ValueInfo, QuantizationParameters> Parameters { get; } = [];

    /// <summary>Chooses nodes and parameters; <paramref name="range"/> gives the real range of a value by itself.</summary>
    public static Int8Ranges Choose(Graph graph, QuantizeOptions options, Func<ValueInfo, (double Low, double High)> range)
    {
        HashSet<Node> left = RecurrentInsertion.StateMovers(graph);
        if (!options.IntegerOutputs) left.UnionWith(OutputJoins.Of(graph));
        ILookup<bool, Node> split = graph.Nodes.ToLookup(n => IsQuantizable(n) && !left.Contains(n) && !options.Skip.Contains(n.Name));
        Int8Ranges result = new([.. split[true]], [.. split[false]]);
        Dictionary<ValueInfo, (double Low, double High)> own = result.Activations().ToDictionary(v => v, range);
        foreach (Node node in result.Nodes) result.Share(node, own);
        foreach (IGrouping<ValueInfo, ValueInfo> group in own.Keys.GroupBy(result.Leader))
        {
            QuantizationParameters shared = group.Select(v => Fixed(graph, v)).FirstOrDefault(p => p is not null)
                ?? Of(group.Min(v => own[v].Low), group.Max(v => own[v].High), options.Symmetric);
            foreach (ValueInfo v in group) result.Parameters[v] = shared;
        }
        return result;
    }

    private static QuantizationParameters Of(double low, double high, bool symmetric) => symmetric
        ? new QuantizationParameters(RangeFinder.Parameters(-Math.Max(-low, high), Math.Max(-low, high)).Scale, 0) : RangeFinder.Parameters(low, high);

    private IEnumerable<ValueInfo> Activations() =>
        Nodes.SelectMany(n => (IsRecurrent(n) ? n.Inputs.Take(1) : n.Inputs).OfType<ValueInfo>().Where(v => !v.IsConstant).Append(n.Output)).Distinct();

    private static bool IsRecurrent(Node node) => node.Type is OperatorType.Lstm or OperatorType.Gru;

    private static bool IsQuantizable(Node node)
    {
        if (node.Output.Type != ElementType.Float32) return false;
        if (node.Inputs.Any(v => v is { IsConstant: false, Type: not ElementType.Float32 })) return false;
        return node.Type switch
        {
            OperatorType.Convolution or OperatorType.FullyConnected => Weights.Of(node) is not null,
            OperatorType.Lstm or OperatorType.Gru => RecurrentInsertion.IsQuantizable(node),
            OperatorType.Add or OperatorType.Sub or OperatorType.Mul or OperatorType.AveragePool or OperatorType.MaxPool
                or OperatorType.ReduceMean or OperatorType.Softmax or OperatorType.Reshape or OperatorType.Transpose or OperatorType.Concat
                or OperatorType.Slice or OperatorType.ReflectPad or OperatorType.Gather => true,
            OperatorType.Pad => node.Attributes.Float("value") == 0,
            var type => type.IsFunction(),
        };
    }

    // Operators that pass elements through need no conversion if both sides share one quantisation.
    private void Share(Node node, Dictionary<ValueInfo, (double Low, double High)> own)
    {
        if (node.Type is OperatorType.Reshape or OperatorType.Transpose or OperatorType.MaxPool or OperatorType.Pad
            or OperatorType.Slice or OperatorType.ReflectPad or OperatorType.Gather) Join(node.Input(0), node.Output);
        if (node.Type != OperatorType.Concat) return;
        double whole = own[node.Output].High - own[node.Output].Low;
        foreach (ValueInfo? input in node.Inputs)
            if (own.TryGetValue(input!, out (double Low, double High) r) && r.High - r.Low >= whole * LeastShare) Join(input!, node.Output);
    }

    private void Join(ValueInfo a, ValueInfo b)
    {
        if (Leader(a) != Leader(b)) _leaders[Leader(a)] = Leader(b);
    }

    private ValueInfo Leader(ValueInfo v)
    {
        while (_leaders.TryGetValue(v, out ValueInfo? next)) v = next;
        return v;
    }

    // The range of these functions is known: every step of the integers is used, and comparison with others is exact.
    private static QuantizationParameters? Fixed(Graph graph, ValueInfo v) => graph.Nodes.Find(n => n.Output == v)?.Type switch
    {
        OperatorType.Softmax or OperatorType.Sigmoid => new QuantizationParameters(1 / 256f, -128),
        OperatorType.Tanh => new QuantizationParameters(1 / 128f, 0),
        _ => null,
    };
}
