using System.Text.Json;
using System.Text.Json.Serialization;
using EdgeRuntime.Model;

namespace EdgeRuntime.Compressor;

/// <summary>One network of a report: a point of its plots, a row of its table.</summary>
/// <param name="Name">Short name.</param>
/// <param name="Bytes">Bytes of its file.</param>
/// <param name="Accuracy">Share of the evaluation samples that it gets right, in [0, 1]; null where not measured.</param>
/// <param name="MeasuredUs">Median latency on this machine, microseconds; null where not measured.</param>
public sealed record ReportCandidate(string Name, long Bytes, double? Accuracy, double? MeasuredUs)
{
    /// <summary>Predicted latency by board, microseconds on one core.</summary>
    public IReadOnlyDictionary<string, double> PredictedUs { get; init; } = new Dictionary<string, double>();

    /// <summary>How it was made, in a line.</summary>
    public string Detail { get; init; } = "";

    /// <summary>Whether it is the network that everything began with.</summary>
    public bool IsSource { get; init; }

    /// <summary>Whether it is the one that was chosen.</summary>
    public bool IsChosen { get; init; }
}

/// <summary>One layer of the chosen network.</summary>
/// <param name="Name">The node.</param>
/// <param name="Operator">Its operator.</param>
/// <param name="Bits">Bits of a weight; null for layers without.</param>
/// <param name="Bytes">Bytes of its constants in the file.</param>
/// <param name="Sparsity">Share of its weights that are 0, in [0, 1].</param>
/// <param name="Rank">Channels between the factors of the layer that it is part of; null where it is no factor.</param>
/// <param name="SignalToNoise">Its output against the float network's, in dB; null where not measured.</param>
/// <param name="Us">Latency, microseconds, with that of layers that run as one step with it; null where it is no step or stands at the last of them.</param>
public sealed record ReportLayer(string Name, string Operator, int? Bits, long Bytes, double Sparsity, int? Rank, double? SignalToNoise, double? Us);

/// <summary>What a report shows; <see cref="HtmlReport"/> draws it, and its JSON lies beside.</summary>
/// <param name="Title">Headline.</param>
/// <param name="Command">The exact command that made it.</param>
/// <param name="Candidates">Networks to compare.</param>
/// <param name="Layers">Layers of the chosen network, in execution order.</param>
public sealed record CompressionReport(string Title, string Command, IReadOnlyList<ReportCandidate> Candidates, IReadOnlyList<ReportLayer> Layers)
{
    /// <summary>Remarks under the headline: data, targets, outcome.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>The board that the latencies of <see cref="Layers"/> are predicted for; empty where they were measured here.</summary>
    public string LatencyOf { get; init; } = "";

    /// <summary>Classes; empty to number them.</summary>
    public IReadOnlyList<string> Classes { get; init; } = [];

    /// <summary>Counts by true class and answer, of the source network; null where not measured.</summary>
    public IReadOnlyList<IReadOnlyList<int>>? ConfusionBefore { get; init; }

    /// <summary>The same of the chosen network.</summary>
    public IReadOnlyList<IReadOnlyList<int>>? ConfusionAfter { get; init; }

    /// <summary>A command of <c>edge</c> as a shell takes it: words with other than plain characters stand in quotes.</summary>
    public static string CommandOf(IEnumerable<string> words) =>
        "edge " + string.Join(' ', words.Select(w => w.Length > 0 && w.All(c => char.IsLetterOrDigit(c) || "-_./,:=@+%".Contains(c, StringComparison.Ordinal)) ? w : $"'{w.Replace("'", "'\\''", StringComparison.Ordinal)}'"));

    /// <summary>The classes that a network's metadata name; empty where they don't.</summary>
    public static IReadOnlyList<string> ClassesOf(Graph graph) => graph.Metadata.TryGetValue(MetadataKeys.Labels, out string? labels) ? labels.Split('\n') : [];

    /// <summary>Writes the page to <paramref name="path"/>, and the figures as JSON beside it.</summary>
    /// <exception cref="IOException">A file can't be written.</exception>
    public void Write(string path)
    {
        AtomicFile.Write(path, s => s.Write(System.Text.Encoding.UTF8.GetBytes(HtmlReport.Render(this))));
        AtomicFile.Write(Path.ChangeExtension(path, ".json"), s => JsonSerializer.Serialize(s, this, ReportJson.Default.CompressionReport));
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(CompressionReport))]
internal sealed partial class ReportJson : JsonSerializerContext;
