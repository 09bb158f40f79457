using System.Text.Json;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Passes in order, with options. In JSON: <c>{"name", "description", "passes": [{"pass", "options": {…}}]}</c>, with
/// comments and trailing commas allowed; see docs/recipes.md.
/// </summary>
public sealed class Recipe
{
    private const string ResourcePrefix = "recipes/";

    private Recipe(RecipeDocument document, string source)
    {
        Name = document.Name.Length > 0 ? document.Name : Path.GetFileNameWithoutExtension(source);
        Description = document.Description;
        Json = JsonSerializer.Serialize(document, RecipeJson.Default.RecipeDocument);
        if (document.Passes.Count == 0 || document.Passes.Any(step => step is null)) throw new RecipeException(source, "a recipe lists at least one pass under \"passes\"");
        Passes = [.. document.Passes.Select((step, i) => Create(step, $"{source}, pass {i + 1}"))];
        NeedsCalibration = Passes.Any(pass => pass.NeedsCalibration && PassCatalog.Find(pass.Name)!.NeedsCalibration);
    }

    /// <summary>Its name, by default the file's.</summary>
    public string Name { get; }

    /// <summary>What it is for.</summary>
    public string Description { get; }

    /// <summary>The passes in order.</summary>
    public IReadOnlyList<ICompressionPass> Passes { get; }

    /// <summary>Whether some pass runs the network on representative inputs.</summary>
    public bool NeedsCalibration { get; }

    /// <summary>Whether some pass trains the network.</summary>
    public bool NeedsTraining => Passes.Any(pass => pass.NeedsTraining);

    /// <summary>The recipe as compact JSON, for a model's metadata.</summary>
    public string Json { get; }

    /// <summary>Names of the recipes that come with the program.</summary>
    public static IReadOnlyList<string> Shipped { get; } = [.. typeof(Recipe).Assembly.GetManifestResourceNames()
        .Where(n => n.StartsWith(ResourcePrefix, StringComparison.Ordinal)).Select(n => Path.GetFileNameWithoutExtension(n)).Order(StringComparer.Ordinal)];

    /// <summary>Loads a shipped recipe by name, or a recipe file.</summary>
    /// <exception cref="RecipeException">There is neither, or the recipe is wrong; the message names what is known.</exception>
    public static Recipe Load(string fileOrName)
    {
        if (Shipped.Contains(fileOrName))
        {
            using Stream shipped = typeof(Recipe).Assembly.GetManifestResourceStream($"{ResourcePrefix}{fileOrName}.json")!;
            return Read(shipped, fileOrName);
        }
        if (!File.Exists(fileOrName)) throw new RecipeException(fileOrName, $"no such recipe file, and no shipped recipe of this name; shipped: {string.Join(", ", Shipped)}");
        using FileStream file = File.OpenRead(fileOrName);
        return Read(file, Path.GetFileName(fileOrName));
    }

    /// <summary>Reads a recipe from JSON text; <paramref name="source"/> names it in errors.</summary>
    /// <exception cref="RecipeException">The recipe is wrong.</exception>
    public static Recipe Parse(string json, string source)
    {
        using MemoryStream stream = new(System.Text.Encoding.UTF8.GetBytes(json));
        return Read(stream, source);
    }

    private static Recipe Read(Stream stream, string source)
    {
        try
        {
            return new Recipe(JsonSerializer.Deserialize(stream, RecipeJson.Default.RecipeDocument) ?? new RecipeDocument(), source);
        }
        catch (JsonException e)
        {
            throw new RecipeException(source, $"not a recipe: {e.Message} Known fields: name, description, passes; in a pass: pass, options.", e);
        }
    }

    private static ICompressionPass Create(RecipeStep step, string place)
    {
        PassDescriptor pass = PassCatalog.Find(step.Pass)
            ?? throw new RecipeException(place, $"no pass \"{step.Pass}\"; known: {string.Join(", ", PassCatalog.All.Select(p => p.Name))}");
        try
        {
            return pass.Create(step.Options);
        }
        catch (Exception e) when (e is JsonException or ArgumentException)
        {
            string known = pass.Options.Count == 0 ? "it has no options" : $"its options: {string.Join(", ", pass.Options)}";
            throw new RecipeException($"{place} ({pass.Name})", $"{Say(e)} ({known})", e);
        }
    }

    /// <summary>What is wrong with an option, in place of what the serializer says of its own types.</summary>
    private static string Say(Exception e)
    {
        if (e is not JsonException { Path: ['$', '.', .. string option] }) return e.Message;
        if (e.Message.Contains("could not be mapped", StringComparison.Ordinal)) return $"no option \"{option}\"";
        return e.Message.Contains("could not be converted", StringComparison.Ordinal) ? $"\"{option}\" has a value of the wrong kind" : e.Message;
    }
}
