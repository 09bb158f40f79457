using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>
/// LSTM and GRU. ONNX gives y as [T,D,N,H] (or batch first, by the attribute layout), the project as [T,N,D·H]; its gates lie in
/// the project's own order. Biases come as halves for W and R.
/// </summary>
internal static class OnnxRecurrent
{
    /// <summary>LSTM.</summary>
    public static ValueInfo Lstm(OnnxNode node) => Lstm(node, Matrix(node, 1), Matrix(node, 2), new AttributeSet());

    /// <summary>
    /// DynamicQuantizeLSTM: weights are integers [D, I or H, 4·H], transposed, with scales and zero points [D] or [D, 4·H] as inputs 8 to 11; inputs and states become int8
    /// while the network runs. Where an integer less its zero point is no int8, the layer is computed in float.
    /// </summary>
    public static ValueInfo DynamicLstm(OnnxNode node)
    {
        (Tensor w, float[] inputScales) = Integers(node, 1, 8);
        (Tensor r, float[] scales) = Integers(node, 2, 10);
        bool fits = w.Type == ElementType.Int8 && r.Type == ElementType.Int8;
        ValueInfo Real(Tensor integers, float[] steps)
        {
            if (fits) return node.Builder.Dequantize(node.Builder.Constant(integers), new QuantizationParameters(steps, axis: 0));
            int[] values = integers.ToInts();
            return node.Builder.Constant(Tensor.From<float>(integers.Shape, [.. values.Select((v, i) => v * steps[i / integers.Shape[1]])]));
        }
        return Lstm(node, Real(w, inputScales), Real(r, scales), fits ? new AttributeSet().Set("dynamic", 1) : new());
    }

    /// <summary>The integers less their zero points as [D·4·H, I or H], int8 if all fit, and the scale of each row.</summary>
    private static (Tensor Rows, float[] Scales) Integers(OnnxNode node, int weights, int scale)
    {
        Tensor integers = node.Constant(weights, "weights"), scales = node.Constant(scale, "their scale");
        if (integers.Shape.Rank != 3) throw OnnxNode.Damaged($"weights {integers.Shape} must have rank 3");
        int directions = integers.Shape[0], length = integers.Shape[1], rows = integers.Shape[2];
        int[] values = integers.ToInts(), zeros = node.OptionalConstant(scale + 1, "the zero point")?.ToInts() ?? new int[scales.Count], turned = new int[values.Length];
        float[] steps = scales.ToFloats();
        if ((steps.Length != directions && steps.Length != directions * rows) || zeros.Length != steps.Length) throw OnnxNode.Damaged($"{steps.Length} scales and {zeros.Length} zero points for weights {integers.Shape}");
        int ScaleOf(int row) => steps.Length == directions ? row / rows : row;
        for (int i = 0; i < values.Length; i++)
        {
            int k = i / rows % length, row = i / (length * rows) * rows + i % rows;
            turned[row * length + k] = values[i] - zeros[ScaleOf(row)];
        }
        TensorShape shape = new(directions * rows, length);
        bool fits = turned.All(v => v is >= sbyte.MinValue and <= sbyte.MaxValue);
        return (fits ? Tensor.From<sbyte>(shape, Array.ConvertAll(turned, v => (sbyte)v)) : Tensor.From<int>(shape, turned), [.. Enumerable.Range(0, shape[0]).Select(row => steps[ScaleOf(row)])]);
    }

    /// <summary>Weights [D, rows, columns] as [D·rows, columns].</summary>
    private static ValueInfo Matrix(OnnxNode node, int input)
    {
        ValueInfo w = node.Input(input);
        if (w.Shape.Rank != 3) throw OnnxNode.Damaged($"weights {w.Shape} must have rank 3");
        if (!node.Builder.IsConstant(w)) throw OnnxNode.Unsupported("weights that are computed while the network runs; they must be constant");
        return node.Builder.Reshape(w, new TensorShape(w.Shape[0] * w.Shape[1], w.Shape[2]));
    }

    private static ValueInfo Lstm(OnnxNode node, ValueInfo w, ValueInfo r, AttributeSet attributes)
    {
        if (node.Optional(7) is not null) throw OnnxNode.Unsupported("peephole weights (input P); train the network without them");
        if (node.Int("input_forget", 0) != 0) throw OnnxNode.Unsupported("coupled input and forget gates (input_forget); train the network without them");
        return Layer(node, w, r, OperatorType.Lstm, ["Sigmoid", "Tanh", "Tanh"], attributes);
    }

    /// <summary>GRU.</summary>
    public static ValueInfo Gru(OnnxNode node) => Layer(node, Matrix(node, 1), Matrix(node, 2), OperatorType.Gru, ["Sigmoid", "Tanh"], new AttributeSet());

    private static ValueInfo Layer(OnnxNode node, ValueInfo w, ValueInfo r, OperatorType type, string[] functions, AttributeSet attributes)
    {
        bool lstm = type == OperatorType.Lstm, batchFirst = node.Int("layout", 0) != 0;
        OnnxGraphBuilder b = node.Builder;
        int direction = node.Text("direction", "forward") switch
        {
            "forward" => 0,
            "reverse" => 1,
            "bidirectional" => 2,
            var other => throw OnnxNode.Damaged($"direction {other}"),
        };
        int directions = direction == 2 ? 2 : 1, gates = lstm ? 4 : 3;
        if (node.Texts("activations") is { Length: > 0 } given && !given.SequenceEqual(Enumerable.Repeat(functions, directions).SelectMany(f => f), StringComparer.OrdinalIgnoreCase))
            throw OnnxNode.Unsupported($"activations {string.Join(", ", given)}; {string.Join(", ", functions)} are");
        ValueInfo x = node.Input(0);
        if (x.Shape.Rank != 3) throw OnnxNode.Damaged($"input {x.Shape} must have rank 3");
        if (batchFirst) x = b.Transpose(x, 1, 0, 2);
        attributes.Set("direction", direction);
        if (node.Float("clip", 0) is > 0 and var clip) attributes.Set("clip", clip);
        if (node.OptionalConstant(4, "the lengths of the sequences") is { } lengths && lengths.ToInts() is var steps && steps.Any(s => s != x.Shape[0])) attributes.Set("lengths", steps);
        bool after = !lstm && node.Int("linear_before_reset", 0) != 0;
        if (!lstm) attributes.Set("linear_before_reset", after ? 1 : 0);
        (ValueInfo? bias, ValueInfo? recurrentBias) = Biases(node, directions, gates * r.Shape[1], after);
        ValueInfo? State(int input) => node.Optional(input) is not { } s ? null : batchFirst ? b.Transpose(s, 1, 0, 2) : s;
        ValueInfo?[] inputs = [x, w, r, bias, recurrentBias, State(5), lstm ? State(6) : null];
        ValueInfo[] outputs = b.EmitAll(type, inputs, lstm ? 3 : 2, attributes);
        ValueInfo y = outputs[0];
        y = b.Reshape(y, new TensorShape(y.Shape[0], y.Shape[1], directions, r.Shape[1]));
        y = batchFirst ? b.Transpose(y, 1, 0, 2, 3) : b.Transpose(y, 0, 2, 1, 3);
        for (int i = 1; i < outputs.Length; i++) node.Others.Add(batchFirst ? b.Transpose(outputs[i], 1, 0, 2) : outputs[i]);
        return y;
    }

    /// <summary>The halves [D,2,G·H] as one bias, or two where the recurrent half is reset on its own.</summary>
    private static (ValueInfo? Bias, ValueInfo? Recurrent) Biases(OnnxNode node, int directions, int rows, bool apart)
    {
        if (node.OptionalConstant(3, "the bias") is not { } bias) return (null, null);
        float[] all = bias.ToFloats();
        if (all.Length != 2 * directions * rows) throw OnnxNode.Damaged($"bias {bias.Shape} for {directions} × {rows} gates");
        float[] first = new float[directions * rows], second = new float[directions * rows];
        for (int i = 0; i < first.Length; i++)
        {
            (first[i], second[i]) = (all[i / rows * 2 * rows + i % rows], all[(i / rows * 2 + 1) * rows + i % rows]);
            if (!apart) first[i] += second[i];
        }
        return (node.Builder.Constant(Tensor.Vector<float>(first)), apart ? node.Builder.Constant(Tensor.Vector<float>(second)) : null);
    }
}
