using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using static EdgeRuntime.Compressor.OnnxExporter;

namespace EdgeRuntime.Compressor;

/// <summary>
/// LSTM and GRU as ONNX nodes: factors are multiplied out, biases written as halves, and y [T,D,N,H] brought to the project's
/// [T,N,D·H]. ONNX layers keep no state from run to run: what a stateful layer starts with is zero, or its first-state inputs.
/// </summary>
internal static class OnnxRecurrentWriter
{
    private static readonly string[] Directions = ["forward", "reverse", "bidirectional"];

    public static void Write(OnnxGraphWriter w, Node node)
    {
        RecurrentShape s = RecurrentShape.Of(node);
        AttributeSet a = node.Attributes;
        if (a.Float("cell_clip") > 0 || a.Ints("lengths").Length > 0) throw new ModelException(ModelErrorKind.Unsupported, node.ToString(), "cell_clip and sequences of different lengths can't be exported to ONNX");
        int rows = s.Gates * s.HiddenSize;
        string Weights(int first, int second, int rank, int length) =>
            w.Constant($"{node.Name}/{first}", Tensor.From<float>(new TensorShape(s.Directions, rows, length), RecurrentWeights.Whole(node, first, second, s, rank, length)));
        string State(int index) => node.OptionalInput(index) is { } state ? w.Provide(state) : "";
        List<string> inputs = [w.Provide(node.Input(0)), Weights(RecurrentShape.W, RecurrentShape.W2, s.InputRank, s.InputSize),
            Weights(RecurrentShape.R, RecurrentShape.R2, s.RecurrentRank, s.HiddenSize), Biases(w, node, s), "", State(RecurrentShape.FirstHidden)];
        if (node.Type == OperatorType.Lstm) inputs.Add(State(RecurrentShape.FirstCell));
        while (inputs[^1].Length == 0) inputs.RemoveAt(inputs.Count - 1);
        List<Onnx.AttributeProto> attributes = [Attribute("hidden_size", s.HiddenSize), Attribute("direction", Directions[a.Int("direction")])];
        if (a.Float("clip") is > 0 and var clip) attributes.Add(Attribute("clip", clip));
        if (node.Type == OperatorType.Gru) attributes.Add(Attribute("linear_before_reset", a.Int("linear_before_reset")));
        string y = w.Unique(node.Output.Name + "/tdnh"), turned = w.Unique(node.Output.Name + "/tndh");
        w.Add(node.Type == OperatorType.Lstm ? "LSTM" : "GRU", node.Name, inputs.ToArray(), [y, .. node.Outputs.Skip(1).Select(w.Produce)], [.. attributes]);
        w.Add("Transpose", node.Name + "/turned", [y], turned, Attribute("perm", 0, 2, 1, 3));
        w.Add("Reshape", node.Name + "/joined", [turned, OnnxNodeWriter.Longs(w, node, "shape", node.Output.Shape.Dimensions)], w.Produce(node.Output));
    }

    /// <summary>[D, 2·G·H]: the halves of W and of R.</summary>
    private static string Biases(OnnxGraphWriter w, Node node, RecurrentShape s)
    {
        if (node.OptionalInput(RecurrentShape.Bias) is null && node.OptionalInput(RecurrentShape.RecurrentBias) is null) return "";
        int rows = s.Gates * s.HiddenSize;
        float[] all = new float[2 * s.Rows];
        foreach (int half in (ReadOnlySpan<int>)[0, 1])
            if (node.OptionalInput(RecurrentShape.Bias + half) is { } bias)
            {
                float[] values = RecurrentWeights.Floats(node, bias);
                for (int i = 0; i < s.Rows; i++) all[(i / rows * 2 + half) * rows + i % rows] = values[i];
            }
        return w.Constant(node.Name + "/bias", Tensor.From<float>(new TensorShape(s.Directions, 2 * rows), all));
    }
}
