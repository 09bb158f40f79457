using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>Nodes on floats that one TFLite operator becomes, with shapes as they follow.</summary>
internal sealed class TfLiteFloatNodes(TfLiteGraphBuilder g, string name) : IFormulaBuilder
{
    private ValueInfo? _last;

    /// <inheritdoc/>
    public ValueInfo Emit(OperatorType type, ReadOnlySpan<ValueInfo?> inputs, AttributeSet? attributes = null)
    {
        ValueInfo y = _last = g.Fresh(name, ElementType.Float32, default, null);
        g.Add(type, inputs.ToArray(), y, attributes);
        y.Shape = ShapeInference.Infer(g.Graph.Nodes[^1]);
        return y;
    }

    /// <inheritdoc/>
    public ValueInfo Constant(Tensor value) => g.FreshConstant(name, value);

    /// <inheritdoc/>
    public ValueInfo Reshape(ValueInfo x, TensorShape shape)
    {
        if (x.Shape == shape) return x;
        ValueInfo y = _last = g.Fresh(name, x.Type, shape, null);
        g.Add(OperatorType.Reshape, [x], y);
        return y;
    }

    /// <summary>An operand as floats.</summary>
    public ValueInfo Real(ValueInfo x)
    {
        if (x.Type == ElementType.Float32) return x;
        if (x.IsConstant) return Constant(g.Reals(x));
        return Emit(OperatorType.Dequantize, [x]);
    }

    /// <summary>Makes <paramref name="y"/> what the last node gives in place of <paramref name="result"/>, or its copy where no node of these gives that.</summary>
    public void Becomes(ValueInfo result, ValueInfo y)
    {
        if (result.Shape != y.Shape) throw g.Invalid(y.Name, $"declared {y.Shape}, computed {result.Shape}");
        if (result == _last) g.Graph.Nodes[^1].Outputs[0] = y;
        else g.Add(OperatorType.Reshape, [result], y);
    }
}
