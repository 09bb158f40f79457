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

    /// <summary>
    /// Cuts arrays whose first dimension counts samples (as <see cref="DataFile.LoadAll"/> reads them) into samples for
    /// <paramref name="graph"/>. Elements are the real numbers that the network expects, of any type.
    /// </summary>
    /// <param name="graph">The network whose inputs they are.</param>
    /// <param name="arrays">By input name; the name may be empty where there is one input.</param>
    /// <param name="limit">Samples to take at most, evenly spread over the array.</param>
    /// <exception cref="ModelException">An array is missing, superfluous, or its dimensions are not the input's.</exception>
    public static CalibrationData From(Graph graph, IReadOnlyList<KeyValuePair<string, Tensor>> arrays, int limit = int.MaxValue)
    {
        Tensor[] ordered = [.. graph.Inputs.Select(input => ArrayOf(input, graph, arrays))];
        if (arrays.Count != graph.Inputs.Count) throw Bad(graph.Name, $"{arrays.Count} arrays for {graph.Inputs.Count} inputs");
        long[] counts = [.. ordered.Select((a, i) => a.Shape.ElementCount / graph.Inputs[i].Shape.ElementCount)];
        if (counts.Distinct().Count() != 1) throw Bad(graph.Name, $"the arrays hold {string.Join(", ", counts)} samples; all must hold as many");
        int taken = (int)Math.Min(counts[0], limit);
        CalibrationData data = new();
        for (int s = 0; s < taken; s++)
            data._samples.Add([.. graph.Inputs.Select((input, i) => Slice(ordered[i], input, s * counts[i] / taken))]);
        return data;
    }

    /// <summary>Adds one sample: a tensor for every graph input, in order.</summary>
    public void Add(params Tensor[] inputs) => _samples.Add(inputs);

    /// <summary>Runs <paramref name="session"/> on every sample and calls <paramref name="observe"/> after each.</summary>
    /// <exception cref="ModelException">There are no samples, or they don't fit the session's inputs.</exception>
    public void ForEach(InferenceSession session, Action<int> observe)
    {
        if (Count == 0) throw Bad(session.Graph.Name, "no calibration samples");
        for (int s = 0; s < Count; s++)
        {
            for (int i = 0; i < session.Inputs.Count; i++) Sample(s, i, session.Inputs[i]).Data.Span.CopyTo(session.InputBytes(i));
            session.Run();
            observe(s);
        }
    }

    /// <summary>What sample <paramref name="sample"/> gives to input number <paramref name="index"/>, in that input's type.</summary>
    internal Tensor Sample(int sample, int index, ValueInfo input)
    {
        if (index >= _samples[sample].Length) throw Bad(input.Name, $"sample {sample} has only {_samples[sample].Length} tensors");
        Tensor tensor = _samples[sample][index];
        if (tensor.Shape.ElementCount != input.Shape.ElementCount) throw Bad(input.Name, $"sample {sample} is {tensor}, the input {input.Shape}");
        return input.Type == tensor.Type ? tensor : HostEvaluator.FromReals(Array.ConvertAll(tensor.ToFloats(), f => (double)f), input);
    }

    private static Tensor ArrayOf(ValueInfo input, Graph graph, IReadOnlyList<KeyValuePair<string, Tensor>> arrays)
    {
        int found = graph.Inputs.Count == 1 && arrays.Count == 1 && arrays[0].Key.Length == 0 ? 0 : arrays.ToList().FindIndex(a => a.Key == input.Name);
        if (found < 0) throw Bad(input.Name, $"no calibration array has this input's name; found {string.Join(", ", arrays.Select(a => a.Key.Length == 0 ? "(unnamed)" : a.Key))}");
        Tensor array = arrays[found].Value;
        long size = input.Shape.ElementCount;
        // Dimensions of 1 are often left out; all others must agree, from the innermost outwards.
        int[] wanted = Significant(input.Shape), given = Significant(array.Shape);
        bool fits = size > 0 && array.Shape.ElementCount % size == 0 && given.AsSpan().EndsWith(wanted);
        return fits ? array : throw Bad(input.Name, $"the calibration array is {array.Shape}; samples of {input.Shape} are needed, their number first");
    }

    private static int[] Significant(TensorShape shape) => [.. shape.Dimensions.ToArray().Where(d => d != 1)];

    private static Tensor Slice(Tensor array, ValueInfo input, long sample)
    {
        int bytes = checked((int)array.Type.ByteCount(input.Shape.ElementCount));
        return new Tensor(array.Type, input.Shape, array.Data.Slice(checked((int)(sample * bytes)), bytes));
    }

    private static ModelException Bad(string place, string message) => new(ModelErrorKind.InvalidData, place, message);
}
