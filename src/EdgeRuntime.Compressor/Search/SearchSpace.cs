using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace EdgeRuntime.Compressor;

/// <summary>
/// What a search chooses from: stages in the order of a recipe, each with alternatives, each of which is a list of passes.
/// In JSON: <c>{"name", "stages": [{"name", "choices": [{"name", "passes": [{"pass", "options": {…}}]}]}]}</c>.
/// </summary>
public sealed class SearchSpace
{
    private const string ResourcePrefix = "search-spaces/";

    private SearchSpace(SearchSpaceDocument document, string json, string source)
    {
        (Name, Json) = (document.Name.Length > 0 ? document.Name : Path.GetFileNameWithoutExtension(source), json);
        Stages = document.Stages;
        if (Stages.Count == 0 || Stages.Any(s => s.Choices.Count == 0)) throw new RecipeException(source, "a search space has at least one stage, and every stage at least one choice");
        foreach (var (stage, choices) in Stages.Select(s => (s, s.Choices)))
            foreach (SearchChoice choice in choices)
                if (choice.Passes.Count > 0) Recipe.Parse(Document(choice.Passes, choice.Name, ""), $"{source}, stage {stage.Name}, choice {choice.Name}");
        HasTraining = Stages.Any(s => s.Choices.Any(c => c.Passes.Any(p => Contains(p.Options, "epochs") || Recipe.Parse(Document([p], c.Name, ""), source).NeedsTraining)));
    }

    /// <summary>Its name.</summary>
    public string Name { get; }

    /// <summary>The text it was read from.</summary>
    public string Json { get; }

    /// <summary>Stages in the order of a recipe.</summary>
    public IReadOnlyList<SearchStage> Stages { get; }

    /// <summary>Whether some choice trains, so that trials can be cheap at first.</summary>
    public bool HasTraining { get; }

    /// <summary>Recipes that can be composed.</summary>
    public double Count => Stages.Aggregate(1.0, (n, s) => n * s.Choices.Count);

    /// <summary>Names of the spaces that come with the program.</summary>
    public static IReadOnlyList<string> Shipped { get; } = [.. typeof(SearchSpace).Assembly.GetManifestResourceNames()
        .Where(n => n.StartsWith(ResourcePrefix, StringComparison.Ordinal)).Select(n => Path.GetFileNameWithoutExtension(n)).Order(StringComparer.Ordinal)];

    /// <summary>Loads a shipped space by name, or a file.</summary>
    /// <exception cref="RecipeException">There is neither, or it is wrong; the message says what is known.</exception>
    public static SearchSpace Load(string fileOrName)
    {
        if (Shipped.Contains(fileOrName))
        {
            using StreamReader shipped = new(typeof(SearchSpace).Assembly.GetManifestResourceStream($"{ResourcePrefix}{fileOrName}.json")!);
            return Parse(shipped.ReadToEnd(), fileOrName);
        }
        if (!File.Exists(fileOrName)) throw new RecipeException(fileOrName, $"no such search space file, and no shipped one of this name; shipped: {string.Join(", ", Shipped)}");
        return Parse(File.ReadAllText(fileOrName), Path.GetFileName(fileOrName));
    }

    /// <summary>Reads a space from JSON text; <paramref name="source"/> names it in errors.</summary>
    /// <exception cref="RecipeException">It is wrong.</exception>
    public static SearchSpace Parse(string json, string source)
    {
        try
        {
            return new SearchSpace(JsonSerializer.Deserialize(json, SearchJson.Default.SearchSpaceDocument) ?? new SearchSpaceDocument(), json, source);
        }
        catch (JsonException e)
        {
            throw new RecipeException(source, $"not a search space: {e.Message} Known fields: name, stages; in a stage: name, choices; in a choice: name, passes.", e);
        }
    }

    /// <summary>The recipe of one choice a stage.</summary>
    /// <param name="choices">The number of the choice in each stage.</param>
    /// <param name="fidelity">The share of every option named "epochs" that is trained, one epoch at least.</param>
    public Recipe RecipeOf(IReadOnlyList<int> choices, double fidelity = 1)
    {
        List<SearchPass> passes = [.. choices.SelectMany((c, s) => Stages[s].Choices[c].Passes)];
        JsonNode document = JsonNode.Parse(Document(passes, NameOf(choices), $"a candidate of the search space {Name}"))!;
        if (fidelity < 1) Scale(document, fidelity);
        return Recipe.Parse(document.ToJsonString(), Name);
    }

    /// <summary>The names of the choices made, for tables; those named "none" are left out.</summary>
    public string NameOf(IReadOnlyList<int> choices)
    {
        string[] names = [.. choices.Select((c, s) => Stages[s].Choices[c].Name).Where(n => n != "none")];
        return names.Length == 0 ? "none" : string.Join(" + ", names);
    }

    private static string Document(IReadOnlyList<SearchPass> passes, string name, string description)
    {
        if (passes.Count == 0) passes = [new SearchPass { Pass = "optimize" }];
        return JsonSerializer.Serialize(new SearchRecipe(name, description, passes), SearchJson.Default.SearchRecipe);
    }

    private static bool Contains(JsonNode? node, string name) => node switch
    {
        JsonObject o => o.Any(m => m.Key == name || Contains(m.Value, name)),
        JsonArray a => a.Any(e => Contains(e, name)),
        _ => false,
    };

    private static void Scale(JsonNode? node, double fidelity)
    {
        if (node is JsonObject o)
            foreach (string name in o.Select(m => m.Key).ToArray())
                if (name == "epochs" && o[name] is JsonValue value && value.TryGetValue(out double epochs)) o[name] = Math.Max(1, (int)Math.Round(epochs * fidelity));
                else Scale(o[name], fidelity);
        else if (node is JsonArray a)
            foreach (JsonNode? element in a) Scale(element, fidelity);
    }
}

/// <summary>A stage of a recipe, and what may stand there.</summary>
public sealed record SearchStage
{
    /// <summary>Its name.</summary>
    public string Name { get; set; } = "";

    /// <summary>The alternatives.</summary>
    public required IReadOnlyList<SearchChoice> Choices { get; init; }
}

/// <summary>An alternative: passes, perhaps none.</summary>
public sealed record SearchChoice
{
    /// <summary>Its name in tables.</summary>
    public required string Name { get; init; }

    /// <summary>The passes.</summary>
    public IReadOnlyList<SearchPass> Passes { get; set; } = [];
}

/// <summary>A pass with options, as recipes have them.</summary>
public sealed record SearchPass
{
    /// <summary>Its name.</summary>
    public required string Pass { get; init; }

    /// <summary>Its options.</summary>
    public JsonNode? Options { get; init; }
}

internal sealed record SearchSpaceDocument
{
    public string Name { get; set; } = "";

    public string Description { get; set; } = "";

    public IReadOnlyList<SearchStage> Stages { get; set; } = [];
}

internal sealed record SearchRecipe(string Name, string Description, IReadOnlyList<SearchPass> Passes);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, AllowTrailingCommas = true,
    ReadCommentHandling = JsonCommentHandling.Skip, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(SearchSpaceDocument))]
[JsonSerializable(typeof(SearchRecipe))]
[JsonSerializable(typeof(StudySettings))]
[JsonSerializable(typeof(TrialResult))]
internal sealed partial class SearchJson : JsonSerializerContext;
