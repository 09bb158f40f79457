namespace EdgeRuntime.Model.Tests;

/// <summary>Equality of graphs, feature by feature.</summary>
internal static class GraphAssert
{
    public static void Same(Graph expected, Graph actual, bool names = true)
    {
        Assert.Equal(expected.Name, actual.Name);
        Assert.Equal(expected.Metadata, actual.Metadata);
        IReadOnlyList<ValueInfo> left = expected.Values(), right = actual.Values();
        Assert.Equal(left.Count, right.Count);
        Dictionary<ValueInfo, ValueInfo> pairs = [];
        for (int i = 0; i < left.Count; i++)
        {
            Same(left[i], right[i], names || expected.Inputs.Contains(left[i]) || expected.Outputs.Contains(left[i]));
            pairs.Add(left[i], right[i]);
        }
        Assert.Equal(expected.Inputs.Select(v => pairs[v]), actual.Inputs);
        Assert.Equal(expected.Outputs.Select(v => pairs[v]), actual.Outputs);
        Assert.Equal(expected.Nodes.Count, actual.Nodes.Count);
        foreach (var (l, r) in expected.Nodes.Zip(actual.Nodes))
        {
            Assert.Equal(l.Type, r.Type);
            if (names) Assert.Equal(l.Name, r.Name);
            Assert.Equal(l.Inputs.Select(v => v is null ? null : pairs[v]), r.Inputs);
            Assert.Equal(l.Outputs.Select(v => pairs[v]), r.Outputs);
            Assert.Equal(l.Attributes.Entries, r.Attributes.Entries);
        }
    }

    private static void Same(ValueInfo expected, ValueInfo actual, bool names)
    {
        if (names) Assert.Equal(expected.Name, actual.Name);
        Assert.Equal(expected.Type, actual.Type);
        Assert.Equal(expected.Shape, actual.Shape);
        Assert.Equal(expected.Quantization, actual.Quantization);
        Assert.Equal(expected.IsConstant, actual.IsConstant);
        Assert.Equal(expected.Sparsity, actual.Sparsity);
        if (expected.Constant is { } constant) Assert.True(constant.Data.Span.SequenceEqual(actual.Constant!.Data.Span), $"contents of {expected.Name}");
    }
}
