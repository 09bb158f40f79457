using System.Security.Cryptography;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>Reads a trained network of any supported format.</summary>
public static class NetworkImporter
{
    /// <summary>
    /// Reads the network at <paramref name="path"/>, telling the format by the contents. The graph's metadata name the
    /// source file and its SHA-256.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="inputShapes">Shapes of inputs, by name, for dimensions that the file leaves open.</param>
    /// <exception cref="ImportException">The file is damaged, of no known format, or uses what is not implemented.</exception>
    /// <exception cref="IOException">The file can't be read.</exception>
    public static Graph Load(string path, IReadOnlyDictionary<string, TensorShape>? inputShapes = null)
    {
        string full = Path.GetFullPath(path), name = Path.GetFileName(full);
        byte[] file = File.ReadAllBytes(full);
        Graph graph = Import(file, name, Path.GetDirectoryName(full), inputShapes);
        graph.Metadata[MetadataKeys.SourceName] = name;
        graph.Metadata[MetadataKeys.SourceHash] = Convert.ToHexStringLower(SHA256.HashData(file));
        return graph;
    }

    /// <summary>A TFLite file bears its mark; what is neither marked nor named so is taken for ONNX, which has none.</summary>
    private static Graph Import(byte[] file, string name, string? folder, IReadOnlyDictionary<string, TensorShape>? inputShapes)
    {
        bool tflite = file.AsSpan(Math.Min(4, file.Length)).StartsWith("TFL3"u8) || name.EndsWith(".tflite", StringComparison.OrdinalIgnoreCase);
        Graph graph = tflite ? TfLiteImporter.Import(file, name) : OnnxImporter.Import(file, name, folder, inputShapes);
        foreach (var (input, shape) in inputShapes ?? new Dictionary<string, TensorShape>())
            if (!graph.Inputs.Exists(v => v.Name == input && v.Shape == shape))
                throw new ImportException(ModelErrorKind.InvalidData, name, $"no input {input} that may be {shape}; its inputs are {string.Join(", ", graph.Inputs)}");
        return graph;
    }
}
