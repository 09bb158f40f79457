using EdgeRuntime.Compressor;
using EdgeRuntime.Inference;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Cli;

/// <summary>Opens trained networks as well as packed models: a network is imported and brought to the form that runs.</summary>
public sealed class NetworkSource : ModelSource
{
    private static readonly PackedModelSource PackedModels = new();

    /// <inheritdoc/>
    public override string Formats => ".onnx, .tflite, .edge";

    /// <inheritdoc/>
    public override IReadOnlyList<VerbOption> Options { get; } =
        [new("--input-shape", "NAME=D,D,…", "shape of an input whose dimensions an ONNX file leaves open") { IsRepeatable = true }];

    /// <inheritdoc/>
    public override OpenedModel OpenFile(string path, VerbCall call)
    {
        if (path.EndsWith(".edge", StringComparison.OrdinalIgnoreCase)) return PackedModels.OpenFile(path, call);
        return new OpenedModel(path, GraphOptimizer.Optimize(NetworkImporter.Load(path, InputShapes(call))), null);
    }

    private static Dictionary<string, TensorShape> InputShapes(VerbCall call)
    {
        Dictionary<string, TensorShape> shapes = [];
        foreach (string text in call.All("--input-shape"))
        {
            int at = text.LastIndexOf('=');
            string[] sizes = text[(at + 1)..].Split(',');
            int[] dimensions = new int[sizes.Length];
            for (int i = 0; i < sizes.Length; i++)
                if (at < 1 || sizes.Length > TensorShape.MaxRank || !int.TryParse(sizes[i], out dimensions[i]) || dimensions[i] < 1)
                    throw new UsageException($"--input-shape is '{text}'; NAME=1,576 or the like expected");
            shapes[text[..at]] = new TensorShape(dimensions);
        }
        return shapes;
    }
}
