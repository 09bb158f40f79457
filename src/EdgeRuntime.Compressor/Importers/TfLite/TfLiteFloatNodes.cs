using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>Nodes on floats that one TFLite operator becomes, with shapes as they follow.</summary>
internal sealed class TfLiteFloatNodes(TfLiteGraphBuilder g, string name)
{
    /// <summary>A node's result.</summary>
    public ValueInfo Emit(OperatorType type, params ValueInfo[] inputs) => Emit(type, inputs, new AttributeSet());

    /// <summary>A node's result.</summary>
    public ValueInfo Emit(OperatorType type, ValueInfo[] inputs, AttributeSet attributes)
    {
        ValueInfo y = g.Fresh(name, ElementType.Float32, default, null);
        g.Add(type, inputs, y, attributes);
        y.Shape = ShapeInference.Infer(g.Graph.Nodes[^1]);
        return y;
    }

    /// <summary>A number.</summary>
    public ValueInfo Constant(float value) => Constant(Tensor.From<float>(TensorShape.Scalar, [value]));

    /// <summary>Numbers.</summary>
    public ValueInfo Constant(Tensor value) => g.FreshConstant(name, value);

    /// <summary>The same elements under another shape.</summary>
    public ValueInfo Reshape(ValueInfo x, TensorShape shape)
    {
        if (x.Shape == shape) return x;
        ValueInfo y = g.Fresh(name, x.Type, shape, null);
        g.Add(OperatorType.Reshape, [x], y);
        return y;
    }

    /// <summary>Elements of one axis.</summary>
    public ValueInfo Gather(ValueInfo x, int axis, int[] indices) => Emit(OperatorType.Gather, [x], new AttributeSet().Set("axis", axis).Set("indices", indices));

    /// <summary>An operand as floats.</summary>
    public ValueInfo Real(ValueInfo x)
    {
        if (x.Type == ElementType.Float32) return x;
        if (x.IsConstant) return Constant(g.Reals(x));
        return Emit(OperatorType.Dequantize, x);
    }

    /// <summary>Makes <paramref name="y"/> what the last node gives in place of <paramref name="result"/>.</summary>
    public void Becomes(ValueInfo result, ValueInfo y)
    {
        if (result.Shape != y.Shape) throw g.Invalid(y.Name, $"declared {y.Shape}, computed {result.Shape}");
        if (g.Graph.Nodes[^1].Output == result) g.Graph.Nodes[^1].Outputs[0] = y;
        else g.Add(OperatorType.Reshape, [result], y);
    }
}
