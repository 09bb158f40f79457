using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace EdgeRuntime.Inference;

/// <summary>Writes profiles as the files of <c>runtime-profiles/</c> are laid out: a measurement a line.</summary>
public static class RuntimeProfileWriter
{
    /// <summary>The profile as JSON.</summary>
    public static string ToJson(RuntimeProfile profile)
    {
        ArrayBufferWriter<byte> bytes = new();
        using (Utf8JsonWriter writer = new(bytes, new JsonWriterOptions { Indented = true, NewLine = "\n", Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
            JsonSerializer.Serialize(writer, profile with { Latency = profile.Latency with { Measurements = [] } }, RuntimeProfileJson.Default.RuntimeProfile);
        string rows = string.Join(",", profile.Latency.Measurements.Select(m => string.Create(CultureInfo.InvariantCulture,
            $"\n      {{ \"kernel\": \"{m.Kernel}\", \"shape\": \"{m.Shape}\", \"estimated_cycles\": {m.EstimatedCycles}, \"threads\": {m.Threads}, \"median_us\": {m.MedianUs} }}")));
        return Encoding.UTF8.GetString(bytes.WrittenSpan).Replace("\"measurements\": []", $"\"measurements\": [{rows}\n    ]", StringComparison.Ordinal) + "\n";
    }
}
