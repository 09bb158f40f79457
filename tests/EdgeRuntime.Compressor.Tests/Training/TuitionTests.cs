using EdgeRuntime.Model;
using EdgeRuntime.Training;
using Xunit;

namespace EdgeRuntime.Compressor.Tests;

public sealed class TuitionTests
{
    private static readonly FineTuneOptions Options = new() { Epochs = 16, Rate = 0.02, Batch = 32 };

    [Theory]
    [InlineData("onnx", "kl")]
    [InlineData("edge", "mse")]
    public void AStudentOfAnotherWidthLearnsFromAFileOfAnyPrecisionWhereLabelsSayNothing(string kind, string soft)
    {
        string file = Path.Combine(Path.GetTempPath(), $"edge-teacher-{Guid.NewGuid():N}.{kind}");
        try
        {
            Graph teacher = MadeUpTask.Network(16, 12);
            if (kind == "onnx") OnnxExporter.Write(teacher, file);
            else
            {
                CompressionPipeline.Run(teacher, Compressor.Recipe.Load("int8"), MadeUpTask.Context);
                ModelWriter.Write(teacher, file);
            }
            Dataset data = MadeUpTask.Make(256, 3), mute = new(data.Samples, new int[data.Count], data.SampleLength);
            Graph student = MadeUpTask.Network(6);
            new FineTune(Options with { Teacher = file, Soft = soft, Alpha = 1, Temperature = 1 }).Apply(student, MadeUpTask.Context with { Training = new(mute) });
            Assert.True(MadeUpTask.Accuracy(student) > 0.4, $"accuracy {MadeUpTask.Accuracy(student)}");
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Theory]
    [InlineData("""{ "mutual": 2 }""")]
    [InlineData("""{ "generations": 2, "alpha": 0.5 }""")]
    [InlineData("""{ "deepSupervision": ["first"], "hints": ["depthwise"], "attention": true, "hintWeight": 0.3, "teacher": "source", "augment": ["shift:1,1"] }""")]
    public void EveryWayOfLearningKeepsTheNetworksFormAndBits(string options)
    {
        Recipe recipe = Compressor.Recipe.Parse($$"""{ "passes": [ { "pass": "fine-tune", "options": {{options.Replace("{", """{ "epochs": 3, "rate": 0.01, "init": "random",""", StringComparison.Ordinal)}} } ] }""", "test");
        Graph once = MadeUpTask.Network(8, 2), again = GraphCopy.Of(once);
        string before = Form(once);
        CompressionPipeline.Run(once, recipe, MadeUpTask.Context);
        CompressionPipeline.Run(again, recipe, MadeUpTask.Context with { Threads = 1 });
        Assert.Equal(before, Form(once));
        Assert.True(MadeUpTask.Accuracy(once) > 0.3, $"{MadeUpTask.Accuracy(once)}");
        Assert.All(once.Values().Zip(again.Values()).Where(p => p.First.IsConstant), p => Assert.Equal(p.First.Constant!.ToFloats(), p.Second.Constant!.ToFloats()));
    }

    [Theory]
    [InlineData("""{ "hints": ["first"] }""", "hints need a teacher")]
    [InlineData("""{ "soft": "cosine" }""", "known: kl, mse")]
    [InlineData("""{ "schedule": "step:3" }""", "step:3")]
    [InlineData("""{ "mutual": 2, "generations": 2 }""", "excludes")]
    public void WrongOptionsAreRefused(string options, string words) => Assert.Contains(words,
        Assert.Throws<RecipeException>(() => Compressor.Recipe.Parse($$"""{ "passes": [ { "pass": "fine-tune", "options": {{options}} } ] }""", "test")).Message, StringComparison.Ordinal);

    [Fact]
    public void MissingTeachersAndNodesAreNamed()
    {
        ModelException file = Assert.Throws<ModelException>(() => new FineTune(Options with { Teacher = "nobody.onnx" }).Apply(MadeUpTask.Network(4), MadeUpTask.Context));
        Assert.Contains("nobody.onnx", file.Message, StringComparison.Ordinal);
        ModelException node = Assert.Throws<ModelException>(() => new FineTune(Options with { DeepSupervision = ["third"] }).Apply(MadeUpTask.Network(4), MadeUpTask.Context));
        Assert.Contains("pointwise", node.Message, StringComparison.Ordinal);
    }

    private static string Form(Graph graph) => string.Join('\n', graph.Nodes.Select(n => $"{n} {n.Output}")) + string.Join(' ', graph.Outputs);
}
