using System.Runtime.InteropServices;
using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using EdgeRuntime.Training;

namespace EdgeRuntime.Compressor;

/// <summary>A teacher of any precision that the runtime executes: float, quantised, sparse; samples of a batch are shared among threads.</summary>
internal sealed class SessionTeacher : IDisposable
{
    private readonly InferenceSession[] _sessions;
    private readonly ValueInfo[] _values;
    private readonly string _name;

    /// <summary>Prepares a copy of <paramref name="network"/>, to be asked for its logits and for the values that <paramref name="values"/> name.</summary>
    public SessionTeacher(Graph network, IEnumerable<string> values, int threads)
    {
        Graph graph = GraphOptimizer.Optimize(GraphCopy.Of(network));
        if (graph.Inputs.Count != 1) throw new ModelException(ModelErrorKind.Unsupported, graph.Name, $"a teacher has one input, this network {graph.Inputs.Count}");
        _name = graph.Name;
        _values = [TrainableNetwork.LogitsOf(graph, graph.Outputs[0]), .. values.Select(name => ValueNames.Find(graph, name))];
        graph.Outputs.AddRange(_values.Distinct().Where(v => !graph.Outputs.Contains(v) && !graph.Inputs.Contains(v)));
        _sessions = [.. Enumerable.Range(0, threads).Select(_ => new InferenceSession(graph, new SessionOptions()))];
    }

    /// <summary>The values it was asked for, without a batch.</summary>
    public IEnumerable<ValueInfo> Values => _values.Skip(1);

    /// <summary>What the teacher says of a batch; see <see cref="Teacher"/>.</summary>
    public Variable[] Run(Tape tape, Variable input)
    {
        int samples = input.Shape[0], length = input.Count / samples;
        if (length != _sessions[0].Inputs[0].Shape.ElementCount) throw new ModelException(ModelErrorKind.InvalidData, _name, $"the teacher's input is {_sessions[0].Inputs[0]}, a sample {input.Shape.With(0, 1)}");
        Variable[] results = [.. _values.Select(v => tape.Constant(v.Shape.With(0, samples * v.Shape[0]), new float[samples * v.Shape.ElementCount]))];
        Parallel.For(0, _sessions.Length, s =>
        {
            for (int n = samples * s / _sessions.Length; n < samples * (s + 1) / _sessions.Length; n++)
            {
                Tensor sample = Arrange(Tensor.From<float>(input.Shape.With(0, 1), input.Data.AsSpan(n * length, length)), _sessions[s].Inputs[0]);
                sample.Data.Span.CopyTo(_sessions[s].InputBytes(0));
                _sessions[s].ResetState();
                _sessions[s].Run();
                for (int i = 0; i < _values.Length; i++) Read(_sessions[s], _values[i], sample).CopyTo(results[i].Data, n * (int)_values[i].Shape.ElementCount);
            }
        });
        return results;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (InferenceSession session in _sessions) session.Dispose();
    }

    private static float[] Read(InferenceSession session, ValueInfo value, Tensor sample)
    {
        if (value == session.Inputs[0]) return Real(sample, value);
        ReadOnlySpan<byte> bytes = session.ValueBytes(value);
        return value.Type == ElementType.Float32 ? MemoryMarshal.Cast<byte, float>(bytes).ToArray() : Real(new Tensor(value.Type, value.Shape, bytes.ToArray()), value);
    }

    private static float[] Real(Tensor tensor, ValueInfo value) => Array.ConvertAll(HostEvaluator.ToReals(tensor, value.Quantization), v => (float)v);

    /// <summary>A sample in the layout and type of the teacher's input: image files of other frameworks have their channels first, or last.</summary>
    private static Tensor Arrange(Tensor sample, ValueInfo input)
    {
        if (sample.Shape != input.Shape && sample.Shape.Rank == 4)
            foreach (int[] perm in (int[][])[[0, 2, 3, 1], [0, 3, 1, 2]])
                if (sample.Shape.Permute(perm) == input.Shape) { sample = GraphEditor.Transpose(sample, perm); break; }
        return input.Type == ElementType.Float32 ? sample : HostEvaluator.FromReals(Array.ConvertAll(sample.ToFloats(), v => (double)v), input);
    }
}
