using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using Xunit;

namespace EdgeRuntime.Cli.Tests;

/// <summary>States of recurrent layers through both programs: <c>compress --stateful</c>, <c>run --keep-state</c>.</summary>
public sealed class StatefulTests : IDisposable
{
    private const int Steps = 6, Inputs = 3, Hidden = 4;

    private readonly string _root = Directory.CreateTempSubdirectory("edge-states").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    /// <summary>One step a run gives what a run of all steps gives; without the switch every step is a first one.</summary>
    [Theory]
    [InlineData("edge")]
    [InlineData("edged")]
    public void StatesLastFromSampleToSampleWhereTheyAreToBeKept(string program)
    {
        Assert.Equal(0, DemoFolder.Edge("compress", Network(Steps, 0), "-o", At("whole.edge")).Code);
        Assert.Equal(0, DemoFolder.Edge("compress", Network(1, 0), "-o", At("steps.edge"), "--stateful").Code);
        NumpyFile.Save(At("x.npy"), Tensor.From<float>(new TensorShape(Steps, 1, Inputs), Numbers(Steps * Inputs, 1)));
        float[] Run(string model, params string[] options)
        {
            string[] call = ["run", At(model), "--input", At("x.npy"), "--output", At("y.npy"), .. options];
            Assert.Equal(0, (program == "edge" ? DemoFolder.Edge(call) : DemoFolder.Edged(call)).Code);
            return NumpyFile.Load(At("y.npy")).ToFloats();
        }
        float[] whole = Run("whole.edge"), kept = Run("steps.edge", "--keep-state"), fresh = Run("steps.edge");
        for (int i = 0; i < whole.Length; i++) Assert.Equal(whole[i], kept[i], 1e-5f);
        Assert.Equal(kept[..Hidden], fresh[..Hidden]);
        Assert.NotEqual(kept[Hidden..], fresh[Hidden..]);
    }

    [Fact]
    public void ALayerThatReadsBackwardsKeepsNoState()
    {
        Outcome outcome = DemoFolder.Edge("compress", Network(Steps, 2), "-o", At("both.edge"), "--stateful");
        Assert.Equal(2, outcome.Code);
        Assert.Contains("layer (Lstm) reads sequences from their end", outcome.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(At("both.edge")));
        Assert.Equal(2, DemoFolder.Edged("run", Network(1, 0), "--keep-state").Code);
    }

    private string At(string file) => Path.Combine(_root, file);

    private string Network(int steps, int direction)
    {
        int directions = direction == 2 ? 2 : 1, rows = directions * 4 * Hidden;
        Graph graph = new("recurrent");
        graph.Inputs.Add(new ValueInfo("x", ElementType.Float32, new TensorShape(steps, 1, Inputs)));
        graph.Outputs.Add(new ValueInfo("y", ElementType.Float32, new TensorShape(steps, 1, directions * Hidden)));
        ValueInfo Weights(string name, int columns) => new(name, Tensor.From<float>(new TensorShape(rows, columns), Numbers(rows * columns, columns)));
        graph.Nodes.Add(new Node(OperatorType.Lstm, "layer", [graph.Inputs[0], Weights("w", Inputs), Weights("r", Hidden)], graph.Outputs, new AttributeSet().Set("direction", direction)));
        string file = At($"{steps}-{direction}.edge");
        ModelWriter.Write(graph, file);
        return file;
    }

    private static float[] Numbers(int count, int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(_ => 2 * random.NextSingle() - 1)];
    }
}
