using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace EdgeRuntime.Cli.Tests;

/// <summary>The part of JSON Schema (draft 2020-12) that runtime-profiles/schema.json uses; any other keyword is an error.</summary>
internal static class JsonSchema
{
    /// <summary>What in <paramref name="value"/> breaks the schema.</summary>
    public static List<string> Check(JsonNode schema, JsonNode? value, string path = "$")
    {
        List<string> faults = [];
        void Require(bool holds, string message)
        {
            if (!holds) faults.Add($"{path}: {message}");
        }
        JsonObject? members = value as JsonObject;
        JsonArray? items = value as JsonArray;
        string? text = value is JsonValue v && v.TryGetValue(out string? s) ? s : null;
        double? number = value is JsonValue w && w.GetValueKind() == JsonValueKind.Number ? w.GetValue<double>() : null;
        foreach (var (keyword, rule) in schema.AsObject())
        {
            switch (keyword)
            {
                case "$schema" or "title" or "description": break;
                case "type": Require(IsOfType(value, rule!.GetValue<string>()), $"not a {rule}"); break;
                case "enum": Require(rule!.AsArray().Any(e => JsonNode.DeepEquals(e, value)), $"not one of {rule.ToJsonString()}"); break;
                case "pattern": Require(text is null || Regex.IsMatch(text, rule!.GetValue<string>()), $"does not match {rule}"); break;
                case "minLength": Require(text is null || text.Length >= rule!.GetValue<int>(), "too short"); break;
                case "minimum": Require(number is null || number >= rule!.GetValue<double>(), "too small"); break;
                case "maximum": Require(number is null || number <= rule!.GetValue<double>(), "too large"); break;
                case "exclusiveMinimum": Require(number is null || number > rule!.GetValue<double>(), "too small"); break;
                case "minItems": Require(items is null || items.Count >= rule!.GetValue<int>(), "too few items"); break;
                case "uniqueItems": Require(items is null || items.Select(i => i?.ToJsonString()).Distinct().Count() == items.Count, "items repeat"); break;
                case "required": foreach (JsonNode? name in rule!.AsArray()) Require(members is null || members.ContainsKey(name!.GetValue<string>()), $"{name} is missing"); break;
                case "items": for (int i = 0; i < (items?.Count ?? 0); i++) faults.AddRange(Check(rule!, items![i], $"{path}[{i}]")); break;
                case "properties":
                    foreach (var (name, sub) in rule!.AsObject())
                        if (members is not null && members.TryGetPropertyValue(name, out JsonNode? member)) faults.AddRange(Check(sub!, member, $"{path}.{name}"));
                    break;
                case "additionalProperties":
                    foreach (var (name, member) in members ?? [])
                    {
                        if (schema["properties"] is JsonObject known && known.ContainsKey(name)) continue;
                        if (rule is JsonObject sub) faults.AddRange(Check(sub, member, $"{path}.{name}"));
                        else Require(rule!.GetValue<bool>(), $"no member {name}");
                    }
                    break;
                default: throw new NotSupportedException($"keyword {keyword}");
            }
        }
        return faults;
    }

    private static bool IsOfType(JsonNode? value, string type) => (type, value?.GetValueKind()) switch
    {
        ("object", JsonValueKind.Object) or ("array", JsonValueKind.Array) or ("string", JsonValueKind.String) or ("number", JsonValueKind.Number) => true,
        ("boolean", JsonValueKind.True or JsonValueKind.False) => true,
        ("integer", JsonValueKind.Number) => value!.GetValue<double>() % 1 == 0,
        _ => false,
    };
}
