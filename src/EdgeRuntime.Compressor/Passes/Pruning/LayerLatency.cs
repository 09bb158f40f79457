using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>
/// How long layers of given shapes take on a board, one by one, as its <see cref="LatencyModel"/> predicts: so that shapes can be
/// compared whose weights don't exist. Layers are asked about as int8 or float, as they will be executed. Those that fusions
/// remove cost nothing, nor do those that work on few elements.
/// </summary>
internal sealed class LayerLatency
{
    private readonly LatencyModel _model;
    private readonly bool _isInt8;
    private readonly Dictionary<string, double> _known = [];

    /// <summary>Predicts for a board.</summary>
    public LayerLatency(RuntimeProfile profile, string precision) => (_model, _isInt8) = (new LatencyModel(profile), precision == "int8");

    /// <summary>Microseconds of all layers of <paramref name="graph"/>.</summary>
    public double Us(Graph graph) => graph.Nodes.Sum(n => Us(n));

    /// <summary>Microseconds of a layer, of whose weights the share <paramref name="zeros"/> is 0 in blocks of <paramref name="pattern"/>.</summary>
    public double Us(Node node, double zeros = 0, Sparsity? pattern = null)
    {
        if (node.Type is not (OperatorType.Convolution or OperatorType.FullyConnected or OperatorType.Add or OperatorType.Mul or OperatorType.AveragePool
            or OperatorType.MaxPool or OperatorType.Lstm or OperatorType.Gru)) return 0;
        string key = FormattableString.Invariant($"{node.Type} {string.Join(' ', node.Inputs.Select(v => v is null ? "-" : $"{v.Shape}{v.IsConstant}"))} {Describe(node.Attributes)} {zeros:F3} {pattern}");
        if (!_known.TryGetValue(key, out double us)) _known[key] = us = Predict(node, zeros, pattern);
        return us;
    }

    private double Predict(Node node, double zeros, Sparsity? pattern)
    {
        bool isFactored = node.Type is OperatorType.Lstm or OperatorType.Gru && node.Inputs.Count > RecurrentShape.W2;
        try
        {
            return _model.Predict(Alone(node, _isInt8 && !isFactored, zeros, pattern)).TotalUs;
        }
        catch (ModelException) when (_isInt8)
        {
            return _model.Predict(Alone(node, false, zeros, pattern)).TotalUs;
        }
    }

    /// <summary>A network of just this layer, with contents made up.</summary>
    private static Graph Alone(Node node, bool isInt8, double zeros, Sparsity? pattern)
    {
        bool isRecurrent = node.Type is OperatorType.Lstm or OperatorType.Gru;
        QuantizationParameters? scale = isInt8 ? new QuantizationParameters(0.05f, 0) : null;
        ElementType type = isInt8 ? ElementType.Int8 : ElementType.Float32;
        Graph graph = new(node.Name);
        List<ValueInfo?> inputs = [];
        for (int i = 0; i < node.Inputs.Count; i++)
        {
            if (node.Inputs[i] is not { } v || (isRecurrent && i is RecurrentShape.FirstHidden or RecurrentShape.FirstCell)) inputs.Add(null);
            else if (v.IsConstant) inputs.Add(Constant($"c{i}", v.Shape, isInt8, zeros, pattern));
            else
            {
                inputs.Add(new ValueInfo($"x{i}", type, v.Shape, scale));
                graph.Inputs.Add(inputs[^1]!);
            }
        }
        Node alone = new(node.Type, node.Name, inputs, [new ValueInfo("y", type, node.Output.Shape, scale)], node.Attributes.Clone());
        if (isInt8 && node.Type == OperatorType.Lstm) alone.Attributes.Set("cell_exponent", -11);
        graph.Nodes.Add(alone);
        graph.Outputs.Add(alone.Output);
        return graph;
    }

    private static ValueInfo Constant(string name, TensorShape shape, bool isInt8, double zeros, Sparsity? pattern)
    {
        int count = (int)shape.ElementCount;
        if (isInt8 && shape.Rank == 1) return new ValueInfo(name, Tensor.From<int>(shape, new int[count]));
        bool[] isZero = shape.Rank < 2 || pattern is null ? new bool[count] : Zeros(shape, zeros, pattern);
        if (!isInt8) return new ValueInfo(name, Tensor.From<float>(shape, Array.ConvertAll(isZero, z => z ? 0f : 0.01f)));
        float[] scales = new float[shape[0]];
        Array.Fill(scales, 0.001f);
        return new ValueInfo(name, Tensor.From<sbyte>(shape, Array.ConvertAll(isZero, z => z ? (sbyte)0 : (sbyte)9)), new QuantizationParameters(scales, axis: 0));
    }

    /// <summary>Blocks at random places; n of m as they come.</summary>
    private static bool[] Zeros(TensorShape shape, double share, Sparsity pattern)
    {
        (int rows, int columns) = Sparsity.MatrixOf(shape);
        Training.RandomSource random = new(1);
        bool[] isZero = new bool[rows * columns];
        bool isNm = pattern.Kind == SparsityKind.NM;
        for (int row = 0; row < rows; row += isNm ? 1 : pattern.First)
            for (int column = 0; column < columns; column += pattern.Second)
            {
                if (!isNm && random.NextSingle() >= share) continue;
                for (int r = row; r < Math.Min(rows, row + (isNm ? 1 : pattern.First)); r++)
                    for (int c = column; c < Math.Min(columns, column + pattern.Second); c++) isZero[r * columns + c] = !isNm || c - column >= pattern.First;
            }
        return isZero;
    }

    private static string Describe(AttributeSet attributes) => string.Join(',', attributes.Entries.Select(a => $"{a.Key}={(a.Value is int[] list ? string.Join('.', list) : a.Value)}"));
}
