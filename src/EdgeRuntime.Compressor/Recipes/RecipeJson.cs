using System.Text.Json;
using System.Text.Json.Serialization;

namespace EdgeRuntime.Compressor;

/// <summary>A recipe as it stands in JSON.</summary>
internal sealed record RecipeDocument
{
    public string Name { get; set; } = "";

    public string Description { get; set; } = "";

    public IReadOnlyList<RecipeStep> Passes { get; set; } = [];
}

/// <summary>One pass of a recipe as it stands in JSON.</summary>
internal sealed record RecipeStep
{
    public required string Pass { get; init; }

    public JsonElement? Options { get; set; }
}

/// <summary>The options of passes that have none.</summary>
internal sealed record NoOptions;

/// <summary>Source-generated JSON; unknown fields are errors, so that a misspelt option is not silently ignored.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, AllowTrailingCommas = true, ReadCommentHandling = JsonCommentHandling.Skip,
    RespectNullableAnnotations = true)]
[JsonSerializable(typeof(RecipeDocument))]
[JsonSerializable(typeof(NoOptions))]
[JsonSerializable(typeof(QuantizeOptions))]
[JsonSerializable(typeof(QuantizeInt4Options))]
[JsonSerializable(typeof(QuantizeAwareOptions))]
[JsonSerializable(typeof(QuantizeMixedOptions))]
[JsonSerializable(typeof(EqualizeOptions))]
[JsonSerializable(typeof(FineTuneOptions))]
[JsonSerializable(typeof(FactorizeOptions))]
[JsonSerializable(typeof(SeparateOptions))]
[JsonSerializable(typeof(DistilBlocksOptions))]
[JsonSerializable(typeof(PruneOptions))]
[JsonSerializable(typeof(PruneChannelsOptions))]
[JsonSerializable(typeof(SparsifyOptions))]
[JsonSerializable(typeof(BinarizeOptions))]
[JsonSerializable(typeof(BinarizeAwareOptions))]
internal sealed partial class RecipeJson : JsonSerializerContext;
