using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>Representative inputs of a network: samples with one tensor for each graph input, in the graph's order.</summary>
public sealed class CalibrationData
{
    private readonly List<Tensor[]> _samples = [];

    /// <summary>Number of samples.</summary>
    public int Count => _samples.Count;

    /// <summary>Adds one sample: a tensor for every graph input, in order; elements of another type than the input's are real numbers.</summary>
    public void Add(params Tensor[] inputs) => _samples.Add(inputs);

    /// <summary>At most <paramref name="count"/> of the samples, at even distances.</summary>
    internal CalibrationData Some(int count)
    {
        CalibrationData some = new();
        count = Math.Min(count, Count);
        for (int i = 0; i < count; i++) some.Add(_samples[(int)((long)i * Count / count)]);
        return some;
    }

    /// <summary>Runs <paramref name="session"/> on every sample and calls <paramref name="observe"/> after each.</summary>
    /// <exception cref="ModelException">There are no samples, or they don't fit the session's inputs.</exception>
    public void ForEach(InferenceSession session, Action<int> observe)
    {
        if (Count == 0) throw Bad(session.Graph.Name, "no calibration samples");
        for (int s = 0; s < Count; s++)
        {
            for (int i = 0; i < session.Inputs.Count; i++) Sample(s, i, session.Inputs[i]).Data.Span.CopyTo(session.InputBytes(i));
            session.ResetState();
            session.Run();
            observe(s);
        }
    }

    /// <summary>What sample <paramref name="sample"/> gives to input number <paramref name="index"/>, in that input's type.</summary>
    internal Tensor Sample(int sample, int index, ValueInfo input)
    {
        if (index >= _samples[sample].Length) throw Bad(input.Name, $"sample {sample} has only {_samples[sample].Length} tensors");
        Tensor tensor = _samples[sample][index];
        if (tensor.Type == ElementType.Float32 && tensor.AsSpan<float>().ContainsAnyExceptInRange(float.MinValue, float.MaxValue)) throw Bad(input.Name, $"sample {sample} holds numbers that are not finite");
        if (tensor.Shape.ElementCount != input.Shape.ElementCount) throw Bad(input.Name, $"sample {sample} is {tensor}, the input {input.Shape}");
        return input.Type == tensor.Type ? tensor : HostEvaluator.FromReals(Array.ConvertAll(tensor.ToFloats(), f => (double)f), input);
    }

    private static ModelException Bad(string place, string message) => new(ModelErrorKind.InvalidData, place, message);
}
