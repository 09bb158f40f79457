using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using static EdgeRuntime.Compressor.OnnxExporter;

namespace EdgeRuntime.Compressor;

/// <summary>Each operator as ONNX nodes.</summary>
internal static class OnnxNodeWriter
{
    public static void Write(OnnxGraphWriter w, Node node)
    {
        TypeOf(node, node.Output);
        AttributeSet a = node.Attributes;
        switch (node.Type)
        {
            case OperatorType.Convolution: Convolution(w, node); break;
            case OperatorType.FullyConnected: FullyConnected(w, node); break;
            case OperatorType.AveragePool or OperatorType.MaxPool: Pool(w, node); break;
            case OperatorType.Add or OperatorType.Sub or OperatorType.Mul or OperatorType.Div: Elementwise(w, node, node.Type.ToString()); break;
            case OperatorType.Sigmoid or OperatorType.Tanh or OperatorType.Sqrt or OperatorType.Abs or OperatorType.Exp or OperatorType.Log or OperatorType.HardSwish: Elementwise(w, node, node.Type.ToString()); break;
            case OperatorType.LeakyRelu: Elementwise(w, node, "LeakyRelu", Attribute("alpha", a.Float("alpha"))); break;
            case OperatorType.Maximum: Elementwise(w, node, "Max"); break;
            case OperatorType.Minimum: Elementwise(w, node, "Min"); break;
            case OperatorType.Gather: w.Add("Gather", node.Name, [w.Provide(node.Input(0)), Longs(w, node, "indices", a.Ints("indices"))], w.Produce(node.Output), Attribute("axis", a.Int("axis"))); break;
            case OperatorType.Clip: Clip(w, node); break;
            case OperatorType.BatchNormalization: Normalize(w, node); break;
            case OperatorType.ReduceMean: w.Add("ReduceMean", node.Name, [w.Provide(node.Input(0))], w.Produce(node.Output), Attribute("axes", a.Ints("axes")), Attribute("keepdims", a.Int("keepdims"))); break;
            case OperatorType.Softmax: Softmax(w, node); break;
            case OperatorType.Reshape: w.Add("Reshape", node.Name, [w.Provide(node.Input(0)), Longs(w, node, "shape", node.Output.Shape.Dimensions)], w.Produce(node.Output)); break;
            case OperatorType.Transpose: w.Add("Transpose", node.Name, [w.Provide(node.Input(0))], w.Produce(node.Output), Attribute("perm", a.Ints("perm"))); break;
            case OperatorType.Pad: w.Add("Pad", node.Name, [w.Provide(node.Input(0)), Longs(w, node, "pads", a.Ints("pads")), Scalar(w, node, "value", a.Float("value"))], w.Produce(node.Output)); break;
            case OperatorType.Concat: w.Add("Concat", node.Name, [.. node.Inputs.Select(v => w.Provide(v!))], w.Produce(node.Output), Attribute("axis", a.Int("axis"))); break;
            case OperatorType.Slice: Slice(w, node); break;
            case OperatorType.Lstm or OperatorType.Gru: OnnxRecurrentWriter.Write(w, node); break;
            default: throw new ModelException(ModelErrorKind.Unsupported, node.ToString(), "this operator can't be exported to ONNX; export the float network, before it is quantised");
        }
    }

    private static void Convolution(OnnxGraphWriter w, Node node)
    {
        AttributeSet a = node.Attributes;
        List<string> inputs = [w.ProvideChannelsFirst(node.Input(0)), w.ProvideChannelsFirst(node.Input(1))];
        if (node.OptionalInput(2) is { } bias) inputs.Add(w.Provide(bias));
        string y = w.ProduceChannelsFirst(node.Output);
        Clamped(w, node, y, inner => w.Add("Conv", node.Name, inputs.ToArray(), inner, Attribute("kernel_shape", node.Input(1).Shape.Dimensions[1..3]), Attribute("strides", a.Ints("strides")),
            Attribute("dilations", a.Ints("dilations")), Attribute("pads", a.Ints("pads")), Attribute("group", a.Int("group"))));
    }

    /// <summary>Gemm where the input is a matrix, MatMul and Add elsewhere.</summary>
    private static void FullyConnected(OnnxGraphWriter w, Node node)
    {
        string x = w.Provide(node.Input(0)), y = w.Produce(node.Output);
        if (node.Input(0).Shape.Rank == 2)
        {
            List<string> inputs = [x, w.Provide(node.Input(1))];
            if (node.OptionalInput(2) is { } c) inputs.Add(w.Provide(c));
            Clamped(w, node, y, inner => w.Add("Gemm", node.Name, inputs.ToArray(), inner, Attribute("transB", 1)));
            return;
        }
        Tensor weights = node.Input(1).Constant ?? throw new ModelException(ModelErrorKind.Unsupported, node.ToString(), "weights that are computed can't be exported");
        string turned = w.Constant(node.Input(1).Name + "/turned", GraphEditor.Transpose(weights, [1, 0]));
        Clamped(w, node, y, inner =>
        {
            string product = node.OptionalInput(2) is null ? inner : w.Unique(inner + "/product");
            w.Add("MatMul", node.Name, [x, turned], product);
            if (node.OptionalInput(2) is { } bias) w.Add("Add", node.Name + "/bias", [product, w.Provide(bias)], inner);
        });
    }

    private static void Pool(OnnxGraphWriter w, Node node)
    {
        AttributeSet a = node.Attributes;
        string x = w.ProvideChannelsFirst(node.Input(0)), y = w.ProduceChannelsFirst(node.Output);
        List<Onnx.AttributeProto> attributes = [Attribute("kernel_shape", a.Ints("kernel")), Attribute("strides", a.Ints("strides")), Attribute("pads", a.Ints("pads"))];
        if (node.Type == OperatorType.AveragePool) attributes.Add(Attribute("count_include_pad", a.Int("count_include_pad")));
        w.Add(node.Type.ToString(), node.Name, [x], y, [.. attributes]);
    }

    /// <summary>Operators that don't care about the order of axes stay channels-first where all operands are.</summary>
    private static void Elementwise(OnnxGraphWriter w, Node node, string type, params Onnx.AttributeProto[] attributes)
    {
        bool first = node.Inputs.All(v => w.HasChannelsFirst(v!) && v!.Shape == node.Output.Shape);
        string[] inputs = [.. node.Inputs.Select(v => first ? w.ProvideChannelsFirst(v!) : w.Provide(v!))];
        Clamped(w, node, first ? w.ProduceChannelsFirst(node.Output) : w.Produce(node.Output), inner => w.Add(type, node.Name, inputs, inner, attributes));
    }

    private static void Clip(OnnxGraphWriter w, Node node)
    {
        bool first = w.HasChannelsFirst(node.Input(0));
        string x = first ? w.ProvideChannelsFirst(node.Input(0)) : w.Provide(node.Input(0));
        Clamp(w, node, node.Name, x, first ? w.ProduceChannelsFirst(node.Output) : w.Produce(node.Output));
    }

    private static void Normalize(OnnxGraphWriter w, Node node)
    {
        int axis = (node.Attributes.Int("axis") + node.Output.Shape.Rank) % node.Output.Shape.Rank;
        bool first = node.Output.Shape.Rank == 4 && axis == 3;
        if (!first && axis != 1) throw new ModelException(ModelErrorKind.Unsupported, node.ToString(), $"batch normalisation over axis {axis} can't be exported");
        string x = first ? w.ProvideChannelsFirst(node.Input(0)) : w.Provide(node.Input(0));
        w.Add("BatchNormalization", node.Name, [x, .. node.Inputs.Skip(1).Select(v => w.Provide(v!))], first ? w.ProduceChannelsFirst(node.Output) : w.Produce(node.Output),
            Attribute("epsilon", node.Attributes.Float("epsilon")));
    }

    private static void Softmax(OnnxGraphWriter w, Node node)
    {
        string x = w.Provide(node.Input(0));
        float beta = node.Attributes.Float("beta", 1);
        if (beta != 1)
        {
            string scaled = w.Unique(x + "/scaled");
            w.Add("Mul", node.Name + "/beta", [x, Scalar(w, node, "beta", beta)], scaled);
            x = scaled;
        }
        w.Add("Softmax", node.Name, [x], w.Produce(node.Output), Attribute("axis", node.Attributes.Int("axis")));
    }

    private static void Slice(OnnxGraphWriter w, Node node)
    {
        AttributeSet a = node.Attributes;
        int[] axes = [.. Enumerable.Range(0, node.Output.Shape.Rank)];
        w.Add("Slice", node.Name, [w.Provide(node.Input(0)), Longs(w, node, "starts", a.Ints("starts")), Longs(w, node, "ends", a.Ints("ends")), Longs(w, node, "axes", axes),
            Longs(w, node, "steps", a.Ints("steps"))], w.Produce(node.Output));
    }

    /// <summary>Writes an operator, and its fused clamp behind it.</summary>
    private static void Clamped(OnnxGraphWriter w, Node node, string output, Action<string> write)
    {
        if (!node.Attributes.Contains("min") && !node.Attributes.Contains("max"))
        {
            write(output);
            return;
        }
        string inner = w.Unique(output + "/unclamped");
        write(inner);
        Clamp(w, node, node.Name + "/clamp", inner, output);
    }

    private static void Clamp(OnnxGraphWriter w, Node node, string name, string x, string y)
    {
        float min = node.Attributes.Float("min", float.NegativeInfinity), max = node.Attributes.Float("max", float.PositiveInfinity);
        if (min == 0 && max == float.PositiveInfinity) w.Add("Relu", name, [x], y);
        else w.Add("Clip", name, [x, min == float.NegativeInfinity ? "" : Scalar(w, node, "min", min), max == float.PositiveInfinity ? "" : Scalar(w, node, "max", max)], y);
    }

    private static string Scalar(OnnxGraphWriter w, Node node, string what, float value) => w.Constant($"{node.Name}/{what}", Tensor.From<float>(TensorShape.Scalar, [value]));

    internal static string Longs(OnnxGraphWriter w, Node node, string what, ReadOnlySpan<int> values)
    {
        long[] longs = new long[values.Length];
        for (int i = 0; i < longs.Length; i++) longs[i] = values[i];
        return w.Constant($"{node.Name}/{what}", Tensor.Vector<long>(longs));
    }
}
