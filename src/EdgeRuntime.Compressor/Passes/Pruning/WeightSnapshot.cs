using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>The float constants of a network as they were, to bring those back that pruning left.</summary>
internal sealed class WeightSnapshot
{
    private readonly Dictionary<ValueInfo, Tensor> _contents;

    /// <summary>Remembers <paramref name="graph"/> as it is.</summary>
    public WeightSnapshot(Graph graph) => _contents = Constants(graph).ToDictionary(v => v, v => v.Constant!);

    private WeightSnapshot(Dictionary<ValueInfo, Tensor> contents) => _contents = contents;

    /// <summary>The constants of <paramref name="graph"/> as the network in <paramref name="file"/>, the same at another time, has them.</summary>
    /// <exception cref="ModelException">It lacks one, or has it in another shape.</exception>
    public static WeightSnapshot FromFile(Graph graph, string file)
    {
        Dictionary<string, ValueInfo> earlier = Constants(GraphOptimizer.PrepareForTraining(NetworkImporter.Load(file))).ToDictionary(v => v.Name);
        return new WeightSnapshot(Constants(graph).ToDictionary(v => v, v => earlier.TryGetValue(v.Name, out ValueInfo? then) && then.Shape == v.Shape ? then.Constant!
            : throw new ModelException(ModelErrorKind.InvalidData, file, $"it has no {v.Name} of shape {v.Shape}; rewindTo is the same network after fewer epochs, before any other pass")));
    }

    /// <summary>Brings the contents back, but zeros of constants marked as sparse stay.</summary>
    public void Restore()
    {
        foreach (var (value, then) in _contents)
        {
            float[] contents = then.ToFloats();
            if (value.Sparsity is not null)
                foreach (var (now, i) in value.Constant!.ToFloats().Select((w, i) => (w, i)))
                    if (now == 0) contents[i] = 0;
            value.Constant = Tensor.From<float>(value.Shape, contents);
        }
    }

    private static IEnumerable<ValueInfo> Constants(Graph graph) => graph.Values().Where(v => v.Constant is { Type: ElementType.Float32 });
}
