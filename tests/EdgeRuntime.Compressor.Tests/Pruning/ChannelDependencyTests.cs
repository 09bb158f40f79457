using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using Xunit;

namespace EdgeRuntime.Compressor.Tests;

public sealed class ChannelDependencyTests
{
    [Fact]
    public void ChannelsWithoutWeightsCanGoFromAnyNetwork()
    {
        for (int seed = 0; seed < 25; seed++)
        {
            var (graph, builder) = RandomNetworks.Create(seed);
            ChannelDependencies dependencies = new(graph);
            Assert.NotEmpty(dependencies.Groups);
            HashSet<int> gone = Choose(dependencies, seed);
            foreach (ChannelUse use in dependencies.Uses) Clear(use, s => gone.Contains(dependencies.Slots.Find(s)));
            Tensor sample = builder.Sample(graph.Inputs[0]);
            float[] before = HostEvaluator.Run(graph, sample)[graph.Outputs[0].Name].ToFloats();
            long macs = graph.Nodes.Sum(OperatorCosts.MultiplyAccumulates);
            ChannelRemoval.Apply(dependencies, s => !gone.Contains(dependencies.Slots.Find(s)));
            GraphValidator.Validate(graph);
            Assert.True(graph.Nodes.Sum(OperatorCosts.MultiplyAccumulates) < macs);
            float[] after = HostEvaluator.Run(graph, sample)[graph.Outputs[0].Name].ToFloats();
            for (int i = 0; i < before.Length; i++) Assert.True(Math.Abs(before[i] - after[i]) <= 1e-5 * before.Max(MathF.Abs), $"network {seed}: {before[i]} became {after[i]}");
        }
    }

    [Theory]
    [InlineData(OperatorType.Lstm, 0)]
    [InlineData(OperatorType.Lstm, 2)]
    [InlineData(OperatorType.Gru, 2)]
    public void UnitsOfRecurrentLayersGoWithTheirGatesAndReaders(OperatorType type, int direction)
    {
        const int Units = 6, Inputs = 5;
        int gates = type == OperatorType.Lstm ? 4 : 3, directions = direction == 2 ? 2 : 1;
        GraphBuilder b = new();
        ValueInfo x = b.Node(OperatorType.FullyConnected, null, b.Input("x", 7, 1, 3), b.Random(Inputs, 3), b.Random(Inputs));
        ValueInfo y = new("y", ElementType.Float32, new TensorShape(7, 1, directions * Units)), last = new("last", ElementType.Float32, new TensorShape(directions, 1, Units));
        AttributeSet attributes = new AttributeSet().Set("direction", direction);
        if (type == OperatorType.Gru) attributes.Set("linear_before_reset", 1);
        b.Graph.Nodes.Add(new Node(type, "cell", [x, b.Random(directions * gates * Units, Inputs), b.Random(directions * gates * Units, Units), b.Random(directions * gates * Units), b.Random(directions * gates * Units)], [y, last], attributes));
        ValueInfo both = b.Node(OperatorType.FullyConnected, null, y, b.Random(3, directions * Units));
        ValueInfo end = b.Node(OperatorType.FullyConnected, null, last, b.Random(2, Units));
        Graph graph = b.Output(both, end);

        ChannelDependencies dependencies = new(graph);
        Assert.Equal([Inputs, Units], dependencies.Groups.Select(g => g.Channels.Length));
        HashSet<int> gone = [dependencies.Groups[0].Channels[1], dependencies.Groups[1].Channels[0], dependencies.Groups[1].Channels[4]];
        // A unit whose gates see nothing stays at tanh(0) = 0.
        foreach (ChannelUse use in dependencies.Uses) Clear(use, s => gone.Contains(dependencies.Slots.Find(s)));
        float[][] before = Run(graph);
        ChannelRemoval.Apply(dependencies, s => !gone.Contains(dependencies.Slots.Find(s)));
        GraphValidator.Validate(graph);
        Assert.Equal(new TensorShape(directions * gates * (Units - 2), Inputs - 1), graph.Nodes.Single(n => n.Name == "cell").Input(1).Shape);
        foreach (var (then, now) in before.Zip(Run(graph)))
            for (int i = 0; i < then.Length; i++) Assert.Equal(then[i], now[i], 1e-5f);
    }

    [Fact]
    public void WhatCanNotBeFollowedStays()
    {
        GraphBuilder b = new();
        ValueInfo x = b.Convolution(b.Input("x", 1, 4, 4, 3), b.Random(8, 1, 1, 3));
        ValueInfo soft = b.Node(OperatorType.Softmax, new AttributeSet().Set("axis", 3), x);
        ValueInfo shared = b.Random(8, 1, 1, 8);
        ValueInfo kept = b.Convolution(b.Convolution(soft, shared), shared), output = b.Convolution(kept, b.Random(5, 1, 1, 8));
        ChannelDependencies dependencies = new(b.Output(output));
        // What a softmax mixes, and weights that two layers share and one of them can't lose, stay; the second layer's output can go.
        Assert.Empty(dependencies.Groups);
    }

    [Fact]
    public void AResidualStreamIsOneGroup()
    {
        GraphBuilder b = new();
        ValueInfo stem = b.Convolution(b.Input("x", 1, 4, 4, 3), b.Random(8, 1, 1, 3));
        ValueInfo inner = b.Convolution(stem, b.Random(16, 1, 1, 8));
        ValueInfo sum = b.Node(OperatorType.Add, null, stem, b.Convolution(inner, b.Random(8, 1, 1, 16)));
        ChannelDependencies dependencies = new(b.Output(b.Convolution(sum, b.Random(2, 1, 1, 8))));
        Assert.Equal([8, 16], dependencies.Groups.Select(g => g.Channels.Length));
        Assert.Equal(2, dependencies.Groups[0].Nodes.Count);
    }

    private static HashSet<int> Choose(ChannelDependencies dependencies, int seed)
    {
        Random random = new(seed);
        HashSet<int> gone = [];
        foreach (ChannelGroup group in dependencies.Groups)
            for (int i = 1; i < group.Channels.Length; i++)
                if (random.Next(2) == 0) gone.Add(group.Channels[i]);
        return gone;
    }

    /// <summary>Makes 0 whatever makes or changes a channel; variances and what reads it stay.</summary>
    private static void Clear(ChannelUse use, Predicate<int> isGone)
    {
        if (use.Role == ChannelRole.Reads || use is { Node.Type: OperatorType.BatchNormalization, Input: 4 }) return;
        float[] values = use.Constant.Constant!.ToFloats();
        int inner = (int)use.Constant.Shape.CountOf(use.Axis + 1, use.Constant.Shape.Rank);
        for (int i = 0; i < values.Length; i++)
            if (isGone(use.Slots[i / inner % use.Slots.Length])) values[i] = 0;
        use.Constant.Constant = Tensor.From<float>(use.Constant.Shape, values);
    }

    private static float[][] Run(Graph graph)
    {
        using InferenceSession session = new(graph);
        for (int i = 0; i < session.Input<float>(0).Length; i++) session.Input<float>(0)[i] = MathF.Sin(i * 1.7f);
        session.Run();
        return [.. Enumerable.Range(0, graph.Outputs.Count).Select(o => session.Output<float>(o).ToArray())];
    }
}
