using System.Runtime.InteropServices;
using EdgeRuntime.Kernels;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using Xunit;

namespace EdgeRuntime.Inference.Tests;

public sealed class InferenceSessionTests
{
    private const int Networks = 60;

    [Fact]
    public void Sharing_memory_between_values_changes_nothing()
    {
        foreach (bool isInt8 in new[] { true, false })
            for (int seed = 0; seed < Networks; seed++)
            {
                Graph graph = RandomGraphs.Create(seed, isInt8);
                // Without chains, whose floats may differ in their last bits from those of layers apart.
                using InferenceSession planned = new(graph, new SessionOptions { Fusion = ChainFusion.Off }), kept = new(graph, new SessionOptions { KeepIntermediates = true });
                Assert.True(planned.ArenaBytes <= kept.ArenaBytes);
                RandomGraphs.FillInputs(planned, seed);
                RandomGraphs.FillInputs(kept, seed);
                planned.Run();
                planned.Run();
                kept.Run();
                for (int i = 0; i < graph.Outputs.Count; i++)
                    Assert.True(kept.OutputBytes(i).SequenceEqual(planned.OutputBytes(i)), $"seed {seed}, int8 {isInt8}, output {i}");
            }
    }

    [Fact]
    public void Integer_outputs_are_the_same_on_every_instruction_set()
    {
        CpuFeatures cpu = CpuFeatures.Detect();
        for (int seed = 0; seed < Networks; seed++)
        {
            Graph graph = RandomGraphs.Create(seed, isInt8: true);
            byte[] expected = RunAll(graph, seed, new SessionOptions { Cpu = CpuFeatures.Portable });
            foreach (CpuFeature one in Enum.GetValues<CpuFeature>())
                if (cpu.Has(one))
                    Assert.True(expected.AsSpan().SequenceEqual(RunAll(graph, seed, new SessionOptions { Cpu = new CpuFeatures(one) })), $"seed {seed}, {one}");
            Assert.True(expected.AsSpan().SequenceEqual(RunAll(graph, seed, new SessionOptions())), $"seed {seed}, all of {cpu}");
        }
    }

    [Fact]
    public void Float_outputs_agree_between_instruction_sets()
    {
        for (int seed = 0; seed < Networks; seed++)
        {
            Graph graph = RandomGraphs.Create(seed, isInt8: false);
            float[] expected = MemoryMarshal.Cast<byte, float>(RunAll(graph, seed, new SessionOptions { Cpu = CpuFeatures.Portable })).ToArray();
            float[] actual = MemoryMarshal.Cast<byte, float>(RunAll(graph, seed, new SessionOptions())).ToArray();
            float scale = expected.Max(MathF.Abs) + 1e-3f;
            for (int i = 0; i < expected.Length; i++) Assert.True(MathF.Abs(expected[i] - actual[i]) <= 2e-5f * scale, $"seed {seed}: {expected[i]} and {actual[i]}");
        }
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public void Threads_change_nothing(int threads)
    {
        for (int seed = 0; seed < 20; seed++)
        {
            Graph graph = RandomGraphs.Create(seed, isInt8: true, steps: 6);
            Graph large = Large();
            Assert.Equal(RunAll(graph, seed, new SessionOptions()), RunAll(graph, seed, new SessionOptions { Threads = threads }));
            if (seed < 3) Assert.Equal(RunAll(large, seed, new SessionOptions()), RunAll(large, seed, new SessionOptions { Threads = threads }));
        }
    }

    [Theory]
    [InlineData(1, true)]
    [InlineData(2, true)]
    [InlineData(1, false)]
    [InlineData(2, false)]
    public void Run_allocates_nothing(int threads, bool profile)
    {
        foreach (Graph graph in new[] { Large(), RandomGraphs.Create(3, true), RandomGraphs.Create(4, false) })
        {
            using InferenceSession session = new(graph, new SessionOptions { Threads = threads, Profile = profile });
            session.Run();
            // The process-wide count includes the workers, but also the test host's own threads, which now and then
            // allocate: an allocation of ours would show in every attempt.
            long least = long.MaxValue;
            for (int attempt = 0; attempt < 100 && least > 0; attempt++)
            {
                long before = GC.GetTotalAllocatedBytes(precise: true), own = GC.GetAllocatedBytesForCurrentThread();
                session.Run();
                own = GC.GetAllocatedBytesForCurrentThread() - own;
                least = Math.Min(least, GC.GetTotalAllocatedBytes(precise: true) - before);
                Assert.Equal(0, own);
            }
            Assert.Equal(0, least);
        }
    }

    [Fact]
    public void Inputs_keep_their_contents()
    {
        Graph graph = RandomGraphs.Create(5, isInt8: true);
        using InferenceSession session = new(graph);
        RandomGraphs.FillInputs(session, 1);
        byte[] before = session.InputBytes(0).ToArray();
        session.Run();
        Assert.Equal(before, session.InputBytes(0).ToArray());
    }

    [Fact]
    public void Everything_that_cannot_run_is_named_at_once()
    {
        Graph graph = new("bad");
        ValueInfo x = new("x", ElementType.Int64, new TensorShape(4));
        graph.Inputs.Add(x);
        ValueInfo a = new("a", ElementType.Int64, x.Shape), b = new("b", ElementType.Int64, x.Shape);
        graph.Nodes.Add(new Node(OperatorType.Sigmoid, "first", [x], [a]));
        graph.Nodes.Add(new Node(OperatorType.Tanh, "second", [a], [b]));
        graph.Outputs.Add(b);
        ModelException error = Assert.Throws<ModelException>(() => new InferenceSession(graph));
        Assert.Equal(ModelErrorKind.Unsupported, error.Kind);
        Assert.Contains("first", error.Message, StringComparison.Ordinal);
        Assert.Contains("second", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_value_of_two_gibibytes_is_refused()
    {
        Graph graph = new("large");
        ValueInfo x = new("x", ElementType.Float32, new TensorShape(1, 30000, 30000)), y = new("y", ElementType.Float32, x.Shape);
        graph.Inputs.Add(x);
        graph.Nodes.Add(new Node(OperatorType.Sigmoid, "sigmoid", [x], [y]));
        graph.Outputs.Add(y);
        ModelException error = Assert.Throws<ModelException>(() => new InferenceSession(graph));
        Assert.Contains("x: its 3", error.Message, StringComparison.Ordinal);
        Assert.Contains("2 GiB", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_accumulator_that_could_overflow_is_refused()
    {
        TensorShape w = new(1, 70000);
        sbyte[] weights = new sbyte[70000];
        Array.Fill(weights, (sbyte)127);
        ValueInfo x = new("x", ElementType.Int8, new TensorShape(1, 70000), new QuantizationParameters(1, 0));
        ValueInfo y = new("y", ElementType.Int8, new TensorShape(1, 1), new QuantizationParameters(1000, 0));
        Graph graph = new("deep");
        graph.Inputs.Add(x);
        graph.Outputs.Add(y);
        graph.Nodes.Add(new Node(OperatorType.FullyConnected, "fc", [x, new ValueInfo("w", Tensor.From<sbyte>(w, weights), new QuantizationParameters(1, 0))], [y]));
        Assert.Contains("accumulator", Assert.Throws<ModelException>(() => new InferenceSession(graph)).Message, StringComparison.Ordinal);
    }

    private static byte[] RunAll(Graph graph, int seed, SessionOptions options)
    {
        using InferenceSession session = new(graph, options);
        RandomGraphs.FillInputs(session, seed);
        session.Run();
        session.Run();
        return [.. Enumerable.Range(0, graph.Outputs.Count).SelectMany(i => session.OutputBytes(i).ToArray())];
    }

    /// <summary>Layers large enough to be shared between workers.</summary>
    internal static Graph Large()
    {
        Graph graph = new("large");
        ValueInfo x = new("x", ElementType.Int8, new TensorShape(1, 24, 24, 16), new QuantizationParameters(0.05f, 3));
        graph.Inputs.Add(x);
        Random random = new(7);
        for (int i = 0; i < 4; i++)
        {
            byte[] q = new byte[32 * 9 * x.Shape[3]];
            random.NextBytes(q);
            ValueInfo w = new($"w{i}", new Tensor(ElementType.Int8, new TensorShape(32, 3, 3, x.Shape[3]), q), new QuantizationParameters(0.004f, 0));
            ValueInfo y = new($"y{i}", ElementType.Int8, new TensorShape(1, 24, 24, 32), new QuantizationParameters(0.1f, -7));
            graph.Nodes.Add(new Node(OperatorType.Convolution, $"conv{i}", [x, w], [y],
                new AttributeSet().Set("strides", 1, 1).Set("dilations", 1, 1).Set("pads", 1, 1, 1, 1).Set("group", 1)));
            x = y;
        }
        graph.Outputs.Add(x);
        return graph;
    }
}
