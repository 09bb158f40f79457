using EdgeRuntime.Inference;
using EdgeRuntime.Kernels;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using Xunit;

namespace EdgeRuntime.Compressor.Tests;

/// <summary>Recurrent layers with int4, sparse and factored weights, from recipe to runtime.</summary>
public sealed class RecurrentIntegerTests
{
    [Theory]
    [InlineData(OperatorType.Lstm, 0)]
    [InlineData(OperatorType.Gru, 32)]
    public void Int4WeightsAreStoredAndRun(OperatorType type, int group)
    {
        Graph graph = RecurrentFactorsTests.Layer(type, 2, out Tensor sample, 40, 48);
        float[] expected = RecurrentFactorsTests.Run(graph, sample);
        new QuantizeInt4(new QuantizeInt4Options { Group = group }).Apply(graph, Calibrated(sample));
        Node layer = Assert.Single(graph.Nodes, n => n.Type == type);
        Assert.Equal((ElementType.Int4, ElementType.Int4), (layer.Input(RecurrentShape.W).Type, layer.Input(RecurrentShape.R).Type));
        Assert.True(SignalToNoise(expected, RecurrentFactorsTests.Run(graph, sample)) > 8);
        Assert.Equal(RecurrentFactorsTests.Run(graph, sample), RecurrentFactorsTests.Run(Stored(graph), sample));
    }

    /// <summary>Factors and sparse weights, too: what is stored without zeros stays so.</summary>
    [Theory]
    [InlineData(OperatorType.Lstm, 2, false)]
    [InlineData(OperatorType.Gru, 0, true)]
    public void HalfPrecisionWeightsAreStoredAndRun(OperatorType type, int direction, bool factored)
    {
        Graph graph = RecurrentFactorsTests.Layer(type, direction, out Tensor sample, 40, 48);
        if (factored) new Factorize(new FactorizeOptions { Rank = 16 }).Apply(graph, PassContext.Empty);
        else new Prune(new PruneOptions { Pattern = "8x4" }).Apply(graph, PassContext.Empty);
        float[] expected = RecurrentFactorsTests.Run(graph, sample);
        long Bytes() => graph.Values().Where(v => v.IsConstant).Sum(v => v.StoredBytes);
        long before = Bytes();
        new StoreFloat16().Apply(graph, PassContext.Empty);
        Assert.InRange(Bytes(), before / 2, before * 0.57);
        Assert.True(SignalToNoise(expected, RecurrentFactorsTests.Run(graph, sample)) > 60);
        Assert.Equal(RecurrentFactorsTests.Run(graph, sample), RecurrentFactorsTests.Run(Stored(graph), sample));
    }

    /// <summary>Float inside, also as factors: only the file holds nibbles.</summary>
    [Theory]
    [InlineData(OperatorType.Lstm, 2, "float", false)]
    [InlineData(OperatorType.Gru, 0, "dynamic", false)]
    [InlineData(OperatorType.Lstm, 0, "float", true)]
    public void Int4WeightsMeetFloatActivations(OperatorType type, int direction, string activations, bool factored)
    {
        Graph graph = RecurrentFactorsTests.Layer(type, direction, out Tensor sample, 40, 48);
        if (factored) new Factorize(new FactorizeOptions { Rank = 16 }).Apply(graph, PassContext.Empty);
        float[] expected = RecurrentFactorsTests.Run(graph, sample);
        new QuantizeInt4(new QuantizeInt4Options { Activations = activations, Group = 32, KeepEnds = false }).Apply(graph, PassContext.Empty);
        GraphOptimizer.Optimize(graph);
        Node layer = Assert.Single(graph.Nodes, n => n.Type == type);
        Assert.Equal((ElementType.Int4, ElementType.Int4, ElementType.Float32), (layer.Input(factored ? RecurrentShape.R2 : RecurrentShape.W).Type, layer.Input(RecurrentShape.R).Type, layer.Output.Type));
        Assert.True(SignalToNoise(expected, RecurrentFactorsTests.Run(graph, sample)) > (factored ? 5 : 8));
        Assert.Equal(RecurrentFactorsTests.Run(graph, sample), RecurrentFactorsTests.Run(Stored(graph), sample));
    }

    /// <summary>Inputs and states are rounded to 8 bits of their range: the outputs lie near those of float activations, with any kernel and number of threads.</summary>
    [Theory]
    [InlineData(OperatorType.Lstm, 0, 0, false)]
    [InlineData(OperatorType.Lstm, 2, 32, true)]
    [InlineData(OperatorType.Gru, 0, 32, false)]
    [InlineData(OperatorType.Gru, 1, 0, true)]
    [InlineData(OperatorType.Gru, 2, 0, true)]
    public void ActivationsBecomeInt8WhileRunning(OperatorType type, int direction, int group, bool factored)
    {
        float[][] outputs = [.. new[] { "float", "dynamic" }.Select(activations =>
        {
            Graph graph = RecurrentFactorsTests.Layer(type, direction, out Tensor sample, 40, 48);
            if (factored) new Factorize(new FactorizeOptions { Rank = 16 }).Apply(graph, PassContext.Empty);
            new QuantizeInt4(new QuantizeInt4Options { Activations = activations, Group = group, KeepEnds = false }).Apply(graph, PassContext.Empty);
            GraphOptimizer.Optimize(graph);
            if (activations == "dynamic") AllRunsAgree(Stored(graph), sample);
            return RecurrentFactorsTests.Run(graph, sample);
        })];
        double noise = SignalToNoise(outputs[0], outputs[1]);
        Assert.InRange(noise, 28, 60);
    }

    private static void AllRunsAgree(Graph graph, Tensor sample)
    {
        float[] first = [];
        foreach (SessionOptions options in (SessionOptions[])[new() { Cpu = CpuFeatures.Portable }, new(), new() { Threads = 2 }])
        {
            using InferenceSession session = new(graph, options);
            Assert.Contains(session.Steps, s => s.KernelId.StartsWith("recurrent-f32-given", StringComparison.Ordinal) || s.KernelId == "recurrent-f32-reference");
            sample.Data.Span.CopyTo(session.InputBytes(0));
            session.Run();
            long before = GC.GetAllocatedBytesForCurrentThread();
            session.Run();
            Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
            float[] y = session.Output<float>(0).ToArray();
            if (first.Length == 0) first = y;
            // A state that lies between two integers may be rounded either way.
            Assert.True(SignalToNoise(first, y) > 40);
        }
    }

    [Theory]
    [InlineData(OperatorType.Lstm, 0)]
    [InlineData(OperatorType.Gru, 1)]
    public void PrunedBlocksAreStoredSparseAndSkipped(OperatorType type, int direction)
    {
        Graph graph = RecurrentFactorsTests.Layer(type, direction, out Tensor sample, 128, 128);
        new Prune(new PruneOptions { Pattern = "8x4", Sparsity = 0.8 }).Apply(graph, PassContext.Empty);
        new QuantizeInt8(new QuantizeOptions()).Apply(graph, Calibrated(sample));
        new Sparsify(new SparsifyOptions()).Apply(graph, PassContext.Empty);
        Node layer = Assert.Single(graph.Nodes, n => n.Type == type);
        Assert.Equal("8x4", layer.Input(RecurrentShape.R).Sparsity?.ToString());
        Graph stored = Stored(graph);
        // With VPDPBUSD on 512 bits a layer of this size is faster dense.
        using InferenceSession session = new(stored, new SessionOptions { Cpu = CpuFeatures.Detect().Intersect(new(~CpuFeature.Avx512Vnni)) });
        session.Run();
        long before = GC.GetAllocatedBytesForCurrentThread();
        session.Run();
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
        Assert.Contains(session.Steps, s => s.KernelId.StartsWith("recurrent-s8-sparse", StringComparison.Ordinal) || s.KernelId == "recurrent-s8-reference");
        Assert.Equal(RecurrentFactorsTests.Run(graph, sample), RecurrentFactorsTests.Run(stored, sample));
    }

    /// <summary>The same in float: W's product and R's skip them.</summary>
    [Fact]
    public void PrunedBlocksOfFloatLayersAreSkipped()
    {
        Graph graph = RecurrentFactorsTests.Layer(OperatorType.Lstm, 0, out Tensor sample, 64, 64);
        new Prune(new PruneOptions { Pattern = "8x4", Sparsity = 0.8 }).Apply(graph, PassContext.Empty);
        GraphOptimizer.Optimize(graph);
        using InferenceSession plain = new(graph, new SessionOptions { Cpu = CpuFeatures.Parse("portable") });
        sample.Data.Span.CopyTo(plain.InputBytes(0));
        plain.Run();
        float[] expected = plain.Output<float>(0).ToArray();
        new Sparsify(new SparsifyOptions()).Apply(graph, PassContext.Empty);
        Graph stored = Stored(graph);
        using InferenceSession session = new(stored);
        Assert.Contains(session.Steps, s => s.KernelId.StartsWith("recurrent-f32-sparse", StringComparison.Ordinal) || s.KernelId == "recurrent-f32-reference");
        Assert.All(expected.Zip(RecurrentFactorsTests.Run(stored, sample)), p => Assert.Equal(p.First, p.Second, 1e-4f));
    }

    /// <summary>The state's factors are quantised, and multiplied out when the network is loaded; the input's are layers of their own.</summary>
    [Theory]
    [InlineData(OperatorType.Lstm, 0, false)]
    [InlineData(OperatorType.Lstm, 2, true)]
    [InlineData(OperatorType.Gru, 1, false)]
    public void FactorsAreIntegersToo(OperatorType type, int direction, bool nibbles)
    {
        Graph graph = RecurrentFactorsTests.Layer(type, direction, out Tensor sample, 40, 48);
        new Factorize(new FactorizeOptions { Rank = 16 }).Apply(graph, PassContext.Empty);
        float[] expected = RecurrentFactorsTests.Run(graph, sample);
        if (nibbles) new QuantizeInt4(new QuantizeInt4Options()).Apply(graph, Calibrated(sample));
        else new QuantizeInt8(new QuantizeOptions()).Apply(graph, Calibrated(sample));
        Node layer = Assert.Single(graph.Nodes, n => n.Type == type);
        ElementType stored = nibbles ? ElementType.Int4 : ElementType.Int8;
        Assert.Equal((ElementType.Int8, stored, stored), (layer.Output.Type, layer.Input(RecurrentShape.R).Type, layer.Input(RecurrentShape.R2).Type));
        double noise = SignalToNoise(expected, RecurrentFactorsTests.Run(graph, sample));
        Assert.True(noise > (nibbles ? 5 : 20), $"{noise} dB");
        Assert.Equal(RecurrentFactorsTests.Run(graph, sample), RecurrentFactorsTests.Run(Stored(graph), sample));
    }

    /// <summary>Pruning leaves such rows; only their bias counts.</summary>
    [Fact]
    public void RowsOfFactorsMayBeZero()
    {
        Graph graph = RecurrentFactorsTests.Layer(OperatorType.Lstm, 0, out Tensor sample, 40, 48);
        new Factorize(new FactorizeOptions { Rank = 16 }).Apply(graph, PassContext.Empty);
        ValueInfo r = graph.Nodes.Single(n => n.Type == OperatorType.Lstm).Input(RecurrentShape.R);
        float[] rows = r.Constant!.ToFloats();
        rows.AsSpan(0, 5 * 16).Clear();
        r.Constant = Tensor.From<float>(r.Shape, rows);
        float[] expected = RecurrentFactorsTests.Run(graph, sample);
        new QuantizeInt8(new QuantizeOptions()).Apply(graph, Calibrated(sample));
        Assert.True(SignalToNoise(expected, RecurrentFactorsTests.Run(graph, sample)) > 20);
    }

    private static PassContext Calibrated(Tensor sample)
    {
        CalibrationData data = new();
        data.Add(sample);
        return new PassContext { Calibration = data };
    }

    private static Graph Stored(Graph graph)
    {
        using MemoryStream stream = new();
        ModelWriter.Write(graph, stream);
        return ModelReader.Read(stream.ToArray()).Graph;
    }

    private static double SignalToNoise(float[] expected, float[] actual) =>
        10 * Math.Log10(expected.Sum(v => (double)v * v) / expected.Zip(actual, (a, b) => ((double)a - b) * (a - b)).Sum());
}
