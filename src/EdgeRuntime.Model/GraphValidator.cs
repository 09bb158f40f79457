using EdgeRuntime.Tensors;

namespace EdgeRuntime.Model;

/// <summary>Checks every rule of the IR, so that passes and the runtime need not.</summary>
public static class GraphValidator
{
    /// <summary>Validates <paramref name="graph"/> whole.</summary>
    /// <exception cref="ModelException">The first rule broken, with the node or value concerned.</exception>
    public static void Validate(Graph graph)
    {
        HashSet<ValueInfo> known = [];
        HashSet<string> names = new(StringComparer.Ordinal);
        foreach (ValueInfo v in graph.Values())
        {
            if (!names.Add(v.Name)) throw Bad(v.Name, "two values have this name");
            CheckValue(v);
            if (v.IsConstant) known.Add(v);
        }
        foreach (ValueInfo v in graph.Inputs)
            if (v.IsConstant || !known.Add(v)) throw Bad(v.Name, "a graph input is constant, or listed twice");
        foreach (Node node in graph.Nodes) CheckNode(node, known);
        if (graph.Outputs.Count == 0) throw Bad(graph.Name, "the graph has no output");
        foreach (ValueInfo v in graph.Outputs)
            if (!known.Contains(v)) throw Bad(v.Name, "a graph output that nothing produces");
        if (graph.Inputs.Concat(graph.Outputs).FirstOrDefault(v => v.Type == ElementType.Binary && !v.IsConstant) is { } packed)
            throw Bad(packed.Name, "signs have no layout outside the network; convert them with Binarize or Dequantize");
    }

    private static void CheckValue(ValueInfo v)
    {
        if (v.Name.Length == 0) throw Bad(v.ToString(), "a value has no name");
        if (v.Constant is { } c && (c.Type != v.Type || c.Shape != v.Shape)) throw Bad(v.Name, $"declared {v.Type} {v.Shape}, holds {c}");
        if (v.Sparsity is { } sparsity && (sparsity.Fault(v.Type, v.Shape) ?? (v.IsConstant ? null : "only constants are sparse")) is { } fault)
            throw Bad(v.Name, $"sparsity {sparsity}: {fault}");
        if (v is { Type: ElementType.Binary, Quantization.IsSymmetric: false }) throw Bad(v.Name, "signs have no zero point");
        if (v.Quantization is not { } q) return;
        if (!v.Type.IsQuantizable()) throw Bad(v.Name, $"{v.Type} can't carry quantisation");
        if (q.Axis >= v.Shape.Rank) throw Bad(v.Name, $"quantisation axis {q.Axis} of a value of rank {v.Shape.Rank}");
        long channels = q.Axis < 0 ? 1 : v.Shape[q.Axis];
        long groups = q.GroupSize == 0 ? 1 : (v.Shape.CountOf(Math.Max(q.Axis, -1) + 1, v.Shape.Rank) + q.GroupSize - 1) / q.GroupSize;
        if (q.Scales.Length != channels * groups) throw Bad(v.Name, $"{q.Scales.Length} scales where {channels}×{groups} are needed");
        foreach (int z in q.ZeroPoints)
            if (z < v.Type.MinValue() || z > v.Type.MaxValue()) throw Bad(v.Name, $"zero point {z} is outside {v.Type}");
    }

    private static void CheckNode(Node node, HashSet<ValueInfo> known)
    {
        OperatorSchema schema = OperatorSchemas.Get(node.Type);
        if (node.Inputs.Count < schema.MinInputs || node.Inputs.Count > schema.MaxInputs)
            throw Bad(node.ToString(), $"{node.Inputs.Count} inputs, {schema.MinInputs} to {schema.MaxInputs} expected");
        if (node.Outputs.Count < 1 || node.Outputs.Count > schema.MaxOutputs)
            throw Bad(node.ToString(), $"{node.Outputs.Count} outputs, {(schema.MaxOutputs == 1 ? "1" : $"1 to {schema.MaxOutputs}")} expected");
        for (int i = 0; i < node.Inputs.Count; i++)
        {
            if (node.Inputs[i] is not { } input)
            {
                if (i < schema.MinInputs) throw Bad(node.ToString(), $"input {i} is missing");
                continue;
            }
            if (!known.Contains(input)) throw Bad(node.ToString(), $"reads {input.Name}, which nothing before it produces");
        }
        foreach (var (name, value) in node.Attributes.Entries) CheckAttribute(node, schema, name, value);
        foreach (AttributeSchema a in schema.Attributes)
            if (a.Required && !node.Attributes.Contains(a.Name)) throw Bad(node.ToString(), $"attribute {a.Name} is missing");
        TensorShape[] inferred = ShapeInference.InferAll(node);
        for (int i = 0; i < inferred.Length; i++)
        {
            ValueInfo output = node.Outputs[i];
            if (output.Shape != inferred[i]) throw Bad(node.ToString(), $"output {output.Name} is declared {output.Shape}, computed {inferred[i]}");
            if (output.IsConstant || !known.Add(output)) throw Bad(node.ToString(), $"output {output.Name} already exists");
        }
    }

    private static void CheckAttribute(Node node, OperatorSchema schema, string name, object value)
    {
        AttributeSchema attribute = schema.Find(name) ?? throw Bad(node.ToString(), $"no attribute {name}");
        AttributeKind kind = value switch
        {
            int => AttributeKind.Int,
            float => AttributeKind.Float,
            int[] => AttributeKind.Ints,
            _ => AttributeKind.Text,
        };
        if (kind != attribute.Kind) throw Bad(node.ToString(), $"attribute {name} holds {kind}, not {attribute.Kind}");
        if (value is float f && float.IsNaN(f)) throw Bad(node.ToString(), $"attribute {name} is NaN");
    }

    private static ModelException Bad(string place, string message) => new(ModelErrorKind.InvalidGraph, place, message);
}
