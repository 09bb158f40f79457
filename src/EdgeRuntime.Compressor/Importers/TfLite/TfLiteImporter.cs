using EdgeRuntime.Model;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Reads TensorFlow Lite networks (schema version 3: float, int8 and uint8 operators, binary16 constants). Operators on
/// integers stay operators on integers, with the file's scales and zero points.
/// </summary>
public static class TfLiteImporter
{
    /// <summary>Imports the file at <paramref name="path"/>.</summary>
    /// <exception cref="ModelException">The file is damaged, or uses what is not supported (then
    /// <see cref="ImportException.Unsupported"/> lists all of it).</exception>
    /// <exception cref="IOException">The file can't be read.</exception>
    public static Graph Load(string path) => Import(File.ReadAllBytes(path), Path.GetFileName(path));

    /// <summary>Imports a file's bytes. Constants of the graph are views of <paramref name="data"/> where layouts agree.</summary>
    /// <param name="data">The whole file.</param>
    /// <param name="name">Its name, for messages and for the graph.</param>
    /// <exception cref="ModelException">As for <see cref="Load"/>.</exception>
    public static Graph Import(ReadOnlyMemory<byte> data, string name)
    {
        try
        {
            TfLiteFile file = new(data, name);
            TfLiteGraphBuilder builder = new(file, name);
            ConvertOperators(file, builder, name);
            builder.Finish();
            // Shapes were taken from the file; validation computes each again and refuses a difference.
            GraphValidator.Validate(builder.Graph);
            return builder.Graph;
        }
        catch (ImportException e) when (e is { Kind: ModelErrorKind.Unsupported, Place: "" })
        {
            throw new ImportException(ModelErrorKind.Unsupported, name, e.Message, e);
        }
        catch (Exception e) when (e is OverflowException or ArgumentException)
        {
            throw new ImportException(ModelErrorKind.InvalidSource, name, "a number in the file is out of range: " + e.Message, e);
        }
    }

    private static void ConvertOperators(TfLiteFile file, TfLiteGraphBuilder builder, string name)
    {
        List<UnsupportedOperator> unsupported = [];
        bool[] live = LiveOperators(file);
        foreach (TfLiteOperator op in file.Operators.Where(o => live[o.Index]))
        {
            try
            {
                TfLiteConverters.Convert(op, builder);
            }
            catch (ImportException e) when (e.Kind == ModelErrorKind.Unsupported)
            {
                unsupported.Add(Describe(op, file, e.Message));
            }
        }
        if (unsupported.Count > 0) throw new ImportException(name, unsupported);
    }

    private static UnsupportedOperator Describe(TfLiteOperator op, TfLiteFile file, string reason)
    {
        string output = op.Outputs.Length > 0 ? file.Tensors[op.Outputs[0]].Name : "";
        return new UnsupportedOperator($"operator {op.Index} {output}", op.TypeName, op.Code == TfLiteOperatorCode.Custom ? "custom" : "", reason);
    }

    /// <summary>
    /// Operators that outputs depend on. The shape that a RESHAPE reads does not count: the result's shape is static, so what
    /// exporters compute it with (SHAPE, STRIDED_SLICE, PACK) need not run.
    /// </summary>
    private static bool[] LiveOperators(TfLiteFile file)
    {
        bool[] live = new bool[file.Operators.Length];
        HashSet<int> needed = [.. file.Outputs];
        foreach (TfLiteOperator op in file.Operators.Reverse())
        {
            if (!op.Outputs.Any(needed.Contains)) continue;
            live[op.Index] = true;
            needed.UnionWith(op.Code == TfLiteOperatorCode.Reshape ? op.Inputs.Take(1) : op.Inputs);
        }
        return live;
    }
}
