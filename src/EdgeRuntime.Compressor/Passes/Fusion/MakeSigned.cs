using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Brings quantised UInt8 values to Int8: numbers and zero point 128 lower, the same reals. Graph inputs and outputs
/// keep their type, with an exact Requantize at the boundary.
/// </summary>
internal sealed class MakeSigned : ICompressionPass
{
    public string Name => "make-signed";

    public PassReport Apply(Graph graph, PassContext context)
    {
        int changes = 0;
        foreach (ValueInfo v in graph.Values())
        {
            if (v.Type != ElementType.UInt8 || v.Quantization is null) continue;
            if (graph.Inputs.Contains(v) || graph.Outputs.Contains(v)) changes += Signed.MoveBoundary(graph, v) ? 1 : 0;
            else
            {
                if (v.Constant is { } c) v.Constant = Signed.Shift(c);
                v.Type = ElementType.Int8;
                v.Quantization = v.Quantization.ShiftZeroPoints(-128);
                changes++;
            }
        }
        // A boundary's Requantize may now lead to what another one made.
        return new PassReport(Name, changes + GraphIndex.Rewrite(graph, MergeRules.MergeTwins, QuantizationRules.CancelRequantize));
    }
}

/// <summary>The move from UInt8 to Int8.</summary>
internal static class Signed
{
    /// <summary>The same bytes, each 128 lower.</summary>
    public static Tensor Shift(Tensor bytes)
    {
        byte[] shifted = bytes.Data.ToArray();
        foreach (ref byte b in shifted.AsSpan()) b ^= 0x80;
        return new Tensor(ElementType.Int8, bytes.Shape, shifted);
    }

    /// <summary>
    /// Puts a Requantize between the graph's input or output <paramref name="boundary"/> and the nodes inside. Values
    /// that only a conversion makes or reads stay as they are.
    /// </summary>
    public static bool MoveBoundary(Graph graph, ValueInfo boundary)
    {
        bool input = graph.Inputs.Contains(boundary);
        Node? producer = graph.Nodes.Find(n => n.Output == boundary);
        Node[] readers = [.. graph.Nodes.Where(n => n.Inputs.Contains(boundary))];
        if (readers.All(IsConversion) && (input || producer is null || IsConversion(producer))) return false;
        ValueInfo inside = new(GraphEditor.UniqueName(graph, boundary.Name + ".signed"), ElementType.Int8, boundary.Shape, boundary.Quantization!.ShiftZeroPoints(-128));
        Node convert = new(OperatorType.Requantize, inside.Name, input ? [boundary] : [inside], input ? [inside] : [boundary]);
        foreach (Node reader in readers)
            for (int i = 0; i < reader.Inputs.Count; i++)
                if (reader.Inputs[i] == boundary) reader.Inputs[i] = inside;
        if (producer is not null) producer.Outputs[0] = inside;
        graph.Nodes.Insert(producer is null ? 0 : graph.Nodes.IndexOf(producer) + 1, convert);
        return true;
    }

    private static bool IsConversion(Node node) => node.Type is OperatorType.Quantize or OperatorType.Dequantize or OperatorType.Requantize;
}
