using EdgeRuntime.Kernels;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using Xunit;

namespace EdgeRuntime.Inference.Tests;

/// <summary>Recurrent layers in a session: states between runs, factors, threads, and what is refused.</summary>
public sealed class RecurrentSessionTests
{
    [Theory]
    [InlineData(OperatorType.Lstm)]
    [InlineData(OperatorType.Gru)]
    public void StatesLastUntilTheyAreReset(OperatorType type)
    {
        // Two runs of 3 steps of a stateful layer are one run of 6 steps of another.
        Graph whole = Layer(type, 6, 0, 0, false), half = Layer(type, 3, 0, 0, true);
        using InferenceSession once = new(whole), twice = new(half);
        Assert.Equal(0, once.StateBytes);
        Assert.Equal((type == OperatorType.Lstm ? 2 : 1) * 12 * sizeof(float), twice.StateBytes);
        float[] x = Numbers(6 * 5, 1);
        x.CopyTo(once.Input<float>(0));
        once.Run();
        for (int round = 0; round < 2; round++)
        {
            twice.ResetState();
            for (int part = 0; part < 2; part++)
            {
                x.AsSpan(part * 15, 15).CopyTo(twice.Input<float>(0));
                twice.Run();
                Assert.Equal(once.Output<float>(0).Slice(part * 36, 36).ToArray(), twice.Output<float>(0).ToArray());
            }
        }
    }

    [Theory]
    [InlineData(OperatorType.Lstm, 1)]
    [InlineData(OperatorType.Gru, 2)]
    public void FactorsGiveWhatTheirProductGives(OperatorType type, int direction)
    {
        Graph factored = Layer(type, 4, direction, 3, false), whole = Layer(type, 4, direction, 0, false);
        Node f = factored.Nodes[0], w = whole.Nodes[0];
        int directions = direction == 2 ? 2 : 1;
        w.Inputs[1] = new ValueInfo("w", Product(f.Input(1), f.Input(7), directions));
        w.Inputs[2] = new ValueInfo("r", Product(f.Input(2), f.Input(8), directions));
        using InferenceSession a = new(factored), b = new(whole, new SessionOptions { Threads = 2 });
        float[] x = Numbers(4 * 5, 2);
        x.CopyTo(a.Input<float>(0));
        x.CopyTo(b.Input<float>(0));
        a.Run();
        b.Run();
        float[] expected = b.Output<float>(0).ToArray(), actual = a.Output<float>(0).ToArray();
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], 1e-5f);
    }

    [Fact]
    public void RunsAllocateNothing()
    {
        using InferenceSession session = new(Layer(OperatorType.Lstm, 6, 2, 0, true));
        session.Run();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 20; i++)
        {
            session.ResetState();
            session.Run();
        }
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Fact]
    public void MixedTypesAreRefused()
    {
        Graph graph = Layer(OperatorType.Gru, 2, 0, 0, false);
        graph.Nodes[0].Outputs[0].Type = ElementType.Int8;
        ModelException e = Assert.Throws<ModelException>(() => new InferenceSession(graph, new SessionOptions { Cpu = CpuFeatures.Portable }));
        Assert.Equal(ModelErrorKind.Unsupported, e.Kind);
        Assert.Contains("in a float layer", e.Message, StringComparison.Ordinal);
    }

    /// <summary>A layer of 12 units over 5 inputs; of rank <paramref name="rank"/> where that is not 0.</summary>
    private static Graph Layer(OperatorType type, int steps, int direction, int rank, bool stateful)
    {
        int directions = direction == 2 ? 2 : 1, rows = directions * (type == OperatorType.Lstm ? 4 : 3) * 12;
        Graph graph = new("recurrent");
        graph.Inputs.Add(new ValueInfo("x", ElementType.Float32, new TensorShape(steps, 1, 5)));
        graph.Outputs.Add(new ValueInfo("y", ElementType.Float32, new TensorShape(steps, 1, directions * 12)));
        ValueInfo?[] inputs = [graph.Inputs[0], Constant("w", rows, rank > 0 ? rank : 5), Constant("r", rows, rank > 0 ? rank : 12),
            new("b", Tensor.From<float>(new TensorShape(rows), Numbers(rows, 3))), null, null, null,
            .. rank > 0 ? new[] { Constant("w2", directions * rank, 5), Constant("r2", directions * rank, 12) } : []];
        AttributeSet attributes = new AttributeSet().Set("direction", direction).Set("stateful", stateful ? 1 : 0);
        if (type == OperatorType.Gru) attributes.Set("linear_before_reset", 1);
        graph.Nodes.Add(new Node(type, "layer", inputs, graph.Outputs, attributes));
        GraphValidator.Validate(graph);
        return graph;
    }

    private static ValueInfo Constant(string name, int rows, int columns) =>
        new(name, Tensor.From<float>(new TensorShape(rows, columns), Numbers(rows * columns, name.Length + rows)));

    private static float[] Numbers(int count, int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() - 0.5f)];
    }

    private static Tensor Product(ValueInfo first, ValueInfo second, int directions)
    {
        float[] a = first.Constant!.ToFloats(), b = second.Constant!.ToFloats();
        int rows = first.Shape[0], rank = first.Shape[1], columns = second.Shape[1];
        float[] product = new float[rows * columns];
        for (int r = 0; r < rows; r++)
            for (int k = 0; k < rank; k++)
                for (int c = 0; c < columns; c++) product[r * columns + c] += a[r * rank + k] * b[(r / (rows / directions) * rank + k) * columns + c];
        return Tensor.From<float>(new TensorShape(rows, columns), product);
    }
}
