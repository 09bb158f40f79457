using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace EdgeRuntime.Compressor;

/// <summary>A latency to reach: a share of what it is before (in recipes <c>0.6</c>), or a time (<c>"2ms"</c>, <c>"500us"</c>).</summary>
/// <param name="Value">The share, or microseconds.</param>
/// <param name="IsTime">Whether it is a time.</param>
[JsonConverter(typeof(LatencyTargetConverter))]
public readonly record struct LatencyTarget(double Value, bool IsTime)
{
    /// <summary>The target in microseconds, of a network that takes <paramref name="whole"/>.</summary>
    public double Us(double whole) => IsTime ? Value : Value * whole;

    /// <summary>Reads a time with its unit.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public static LatencyTarget Parse(string text)
    {
        (string unit, double factor) = text.EndsWith("us", StringComparison.Ordinal) ? ("us", 1) : ("ms", 1000.0);
        if (text.EndsWith(unit, StringComparison.Ordinal) && double.TryParse(text[..^2], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double value) && value > 0)
            return new LatencyTarget(value * factor, true);
        throw new FormatException($"latency \"{text}\" is neither a share such as 0.6 nor a time such as \"2ms\" or \"500us\"");
    }

    internal string? Fault => IsTime || Value is > 0 and <= 1 ? null : $"latency {Value} is not in (0, 1]; times have a unit, as in \"2ms\"";
}

/// <summary>A number, or a text with a unit.</summary>
internal sealed class LatencyTargetConverter : JsonConverter<LatencyTarget>
{
    public override LatencyTarget Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType == JsonTokenType.Number) return new LatencyTarget(reader.GetDouble(), false);
        try
        {
            return LatencyTarget.Parse(reader.TokenType == JsonTokenType.String ? reader.GetString()! : reader.TokenType.ToString());
        }
        catch (FormatException e)
        {
            throw new JsonException(e.Message, e);
        }
    }

    public override void Write(Utf8JsonWriter writer, LatencyTarget value, JsonSerializerOptions options)
    {
        if (value.IsTime) writer.WriteStringValue(FormattableString.Invariant($"{value.Value}us"));
        else writer.WriteNumberValue(value.Value);
    }
}
