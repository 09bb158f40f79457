using EdgeRuntime.Compressor.Onnx;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using Google.Protobuf;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Reads ONNX networks (operator set 7 and later) into a <see cref="Graph"/>. The translation is literal: the spatial
/// operators stand between Transpose nodes, since the graph is channels-last and ONNX is channels-first, and quantised
/// forms (QDQ and QLinear*) become Dequantize → operator → Quantize; the optimiser's passes clean up. Inputs and
/// outputs keep their names, order, layout and integer types; half, bfloat16 and double numbers become binary32. A batch
/// dimension that is left open is 1. The file's metadata is kept as <c>onnx.&lt;key&gt;</c>, except labels and preprocessing.
/// </summary>
public static class OnnxImporter
{
    /// <summary>Prefix of the source's own metadata in <see cref="Graph.Metadata"/>.</summary>
    public const string MetadataPrefix = "onnx.";

    /// <summary>Reads the file at <paramref name="path"/> and the weight files beside it that it names.</summary>
    /// <param name="path">The file.</param>
    /// <param name="inputShapes">Shapes of inputs, by name, for dimensions that the file leaves open.</param>
    /// <exception cref="ImportException">The file is damaged, or uses what is not implemented (all of it is listed).</exception>
    /// <exception cref="IOException">The file can't be read.</exception>
    public static Graph Load(string path, IReadOnlyDictionary<string, TensorShape>? inputShapes = null)
    {
        string full = Path.GetFullPath(path);
        return Import(File.ReadAllBytes(full), Path.GetFileName(full), Path.GetDirectoryName(full), inputShapes);
    }

    /// <summary>Reads a network from memory.</summary>
    /// <param name="file">The file's bytes.</param>
    /// <param name="name">What errors call it.</param>
    /// <param name="folder">Where weights stored outside the file lie; null if nowhere.</param>
    /// <param name="inputShapes">Shapes of inputs, by name, for dimensions that the file leaves open.</param>
    /// <exception cref="ImportException">The bytes are damaged, or use what is not implemented (all of it is listed).</exception>
    public static Graph Import(ReadOnlyMemory<byte> file, string name, string? folder = null,
        IReadOnlyDictionary<string, TensorShape>? inputShapes = null)
    {
        ModelProto model;
        try
        {
            model = ModelProto.Parser.ParseFrom(file.Span);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new ImportException(ModelErrorKind.InvalidSource, name, "not a whole ONNX file: " + e.Message, e);
        }
        return Import(model, name, folder, inputShapes);
    }

    internal static Graph Import(ModelProto model, string name, string? folder = null, IReadOnlyDictionary<string, TensorShape>? inputShapes = null)
    {
        Graph graph = new OnnxGraphReader(model, name, folder, inputShapes).Read();
        try
        {
            GraphEditor.SortTopologically(graph);
            GraphEditor.InferShapes(graph);
            GraphValidator.Validate(graph);
        }
        catch (ModelException e)
        {
            throw new ImportException(e.Kind, $"{name}: {e.Place}", e.Message, e);
        }
        return graph;
    }
}
