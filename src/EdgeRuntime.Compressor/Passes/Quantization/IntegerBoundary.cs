using EdgeRuntime.Model;

namespace EdgeRuntime.Compressor;

/// <summary>Makes float graph inputs and outputs integer by leaving out the conversions next to them.</summary>
internal static class IntegerBoundary
{
    public static void Apply(Graph graph, bool inputs, bool outputs)
    {
        for (int i = 0; inputs && i < graph.Inputs.Count; i++)
        {
            ValueInfo input = graph.Inputs[i];
            Node[] readers = [.. graph.Nodes.Where(n => n.Inputs.Contains(input))];
            if (readers is not [{ Type: OperatorType.Quantize } quantize] || graph.Outputs.Contains(input)) continue;
            graph.Nodes.Remove(quantize);
            graph.Inputs[i] = quantize.Output;
            quantize.Output.Name = input.Name;
        }
        for (int i = 0; outputs && i < graph.Outputs.Count; i++)
        {
            ValueInfo output = graph.Outputs[i];
            if (graph.Nodes.Find(n => n.Output == output) is not { Type: OperatorType.Dequantize } dequantize) continue;
            if (graph.Nodes.Any(n => n.Inputs.Contains(output)) || graph.Inputs.Contains(dequantize.Input(0)) || graph.Outputs.Contains(dequantize.Input(0))) continue;
            graph.Nodes.Remove(dequantize);
            graph.Outputs[i] = dequantize.Input(0);
            dequantize.Input(0).Name = output.Name;
        }
    }
}
