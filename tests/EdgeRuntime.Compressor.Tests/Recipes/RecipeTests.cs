using System.Text.Json;
using EdgeRuntime.Model;
using Xunit;

namespace EdgeRuntime.Compressor.Tests;

public sealed class RecipeTests
{
    [Theory]
    [InlineData("int8", true)]
    [InlineData("float", false)]
    [InlineData("lowrank", true)]
    [InlineData("none", false)]
    [InlineData("prune-50", false)]
    [InlineData("prune-int8", true)]
    public void ShippedRecipesLoad(string name, bool needsCalibration)
    {
        Assert.Contains(name, Recipe.Shipped);
        Recipe recipe = Recipe.Load(name);
        Assert.Equal((name, needsCalibration), (recipe.Name, recipe.NeedsCalibration));
        Assert.Equal(recipe.Json, Recipe.Parse(recipe.Json, "again").Json);
    }

    [Fact]
    public void OptionsNotGivenKeepTheirDefaults()
    {
        Recipe recipe = Recipe.Parse("""{"passes":[{"pass":"quantize-int8","options":{"percentile":99.5,}}]} // trailing""", "r.json");
        Assert.Equal("r", recipe.Name);
        Assert.Equal(new QuantizeOptions { Percentile = 99.5 }, Assert.IsType<QuantizeInt8>(recipe.Passes.Single()).Options);
    }

    [Theory]
    [InlineData("""{"passes":[{"pass":"quantise"}]}""", "quantize-int8")]
    [InlineData("""{"passes":[{"pass":"quantize-int8","options":{"methd":"mse"}}]}""", "method, percentile")]
    [InlineData("""{"passes":[{"pass":"quantize-int8","options":{"method":"best"}}]}""", "min-max, percentile, entropy, mse")]
    [InlineData("""{"passes":[{"pass":"quantize-int8","options":{"percentile":"high"}}]}""", "percentile")]
    [InlineData("""{"passes":[{"pass":"quantize-int8","options":{"percentile":7}}]}""", "(50, 100]")]
    [InlineData("""{"passes":[{"pass":"optimize","options":{"level":3}}]}""", "no options")]
    [InlineData("""{"passes":[{"options":{}}]}""", "pass")]
    [InlineData("""{"steps":[]}""", "passes")]
    [InlineData("""{"passes":[]}""", "passes")]
    [InlineData("""{"passes":null}""", "passes")]
    [InlineData("""{"passes":[null]}""", "passes")]
    [InlineData("""{"passes":[{"pass":"quantize-int8","options":{"skip":null}}]}""", "skip")]
    [InlineData("null", "passes")]
    [InlineData("{", "recipe")]
    public void WrongRecipesNameTheFileAndWhatIsKnown(string json, string known)
    {
        RecipeException e = Assert.Throws<RecipeException>(() => Recipe.Parse(json, "wrong.json"));
        Assert.StartsWith("wrong.json", e.Message, StringComparison.Ordinal);
        Assert.Contains(known, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void UnknownRecipeNamesTheShippedOnes() => Assert.Contains("float, fp16, int4, int8, lowrank, lowrank-tuned, mixed, none", Assert.Throws<RecipeException>(() => Recipe.Load("int7")).Message, StringComparison.Ordinal);

    [Fact]
    public void ThePipelineReportsSizesAndWritesTheRecipeIntoTheModel()
    {
        GraphBuilder b = new();
        ValueInfo x = b.Input("x", 1, 3, 8, 8);
        Graph graph = b.Output(b.Clip(b.ConvolutionNchw(x, b.Random(4, 3, 3, 3), pad: 1), 0));
        Recipe recipe = Recipe.Load("float");
        PipelineReport report = CompressionPipeline.Run(graph, recipe, PassContext.Empty);
        Assert.Equal((4, 432, 6912), (report.Source.Nodes, report.Source.ConstantBytes, report.Source.MultiplyAccumulates));
        Assert.Equal((3, 432, 6912), (report.Passes[0].Nodes, report.Passes[0].ConstantBytes, report.Passes[0].MultiplyAccumulates));
        Assert.Equal(recipe.Json, graph.Metadata[MetadataKeys.Recipe]);
    }

    [Theory]
    [InlineData("skip", 11)]
    [InlineData("int8", 2)]
    public void NamesThatNoNodeHasAreRefused(string option, int passes)
    {
        using JsonDocument options = JsonDocument.Parse($$"""{"{{option}}":["nobody"]}""");
        PassDescriptor[] taking = [.. PassCatalog.All.Where(p => p.Options.Contains(option))];
        Assert.Equal(passes, taking.Length);
        GraphBuilder b = new();
        Graph graph = b.Output(b.Node(OperatorType.FullyConnected, null, b.Input("x", 1, 8), b.Random(4, 8)));
        Assert.All(taking, p => Assert.Contains("nobody", Assert.Throws<ModelException>(() => p.Create(options.RootElement).Apply(graph, PassContext.Empty)).Message, StringComparison.Ordinal));
    }

    [Fact]
    public void EveryPassOfTheCatalogHasItsOwnNameAndIsDocumented()
    {
        Assert.Equal(PassCatalog.All.Count, PassCatalog.All.Select(p => p.Name).Distinct().Count());
        Assert.All(PassCatalog.All, p => Assert.Equal(p.Name, p.Create(null).Name));
        string page = File.ReadAllText(Path.Combine(TestSupport.SharedFolder.Repository!, "docs", "recipes.md"));
        Assert.All(PassCatalog.All.SelectMany(p => p.Options.Prepend(p.Name)), word => Assert.Contains($"`{word}`", page, StringComparison.Ordinal));
    }
}
