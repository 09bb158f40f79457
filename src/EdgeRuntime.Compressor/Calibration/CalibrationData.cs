using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>Representative inputs of a network, by the name of the graph input.</summary>
public sealed class CalibrationData
{
    private readonly List<IReadOnlyDictionary<string, Tensor>> _samples = [];

    /// <summary>The samples, each a tensor for every graph input, in the input's shape and type.</summary>
    public IReadOnlyList<IReadOnlyDictionary<string, Tensor>> Samples => _samples;

    /// <summary>Adds one sample.</summary>
    public void Add(IReadOnlyDictionary<string, Tensor> sample) => _samples.Add(sample);
}
