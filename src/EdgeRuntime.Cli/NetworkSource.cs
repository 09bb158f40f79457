using EdgeRuntime.Compressor;
using EdgeRuntime.Inference;

namespace EdgeRuntime.Cli;

/// <summary>Opens trained networks as well as packed models: a network is imported and brought to the form that runs.</summary>
public sealed class NetworkSource : ModelSource
{
    private static readonly PackedModelSource PackedModels = new();

    /// <inheritdoc/>
    public override string Formats => ".onnx, .tflite, .edge";

    /// <inheritdoc/>
    public override OpenedModel OpenFile(string path)
    {
        if (path.EndsWith(".edge", StringComparison.OrdinalIgnoreCase)) return PackedModels.OpenFile(path);
        return new OpenedModel(path, GraphOptimizer.Optimize(NetworkImporter.Load(path)), null);
    }
}
