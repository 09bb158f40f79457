using System.Text.Json;
using System.Text.Json.Serialization;

namespace EdgeRuntime.Sensors;

/// <summary>
/// How sound becomes the features that a network was trained on: log mel energies, or their cepstral coefficients (MFCC).
/// It is kept as JSON in the metadata of models, so that host and board compute the same.
/// </summary>
public sealed record FeatureOptions
{
    /// <summary>Samples in a second.</summary>
    public int SampleRate { get; init; } = 16000;

    /// <summary>Samples of a frame, under a periodic Hann window.</summary>
    public int Window { get; init; } = 512;

    /// <summary>Samples from one frame to the next.</summary>
    public int Hop { get; init; } = 320;

    /// <summary>Frames of one input of the network.</summary>
    public int Frames { get; init; } = 49;

    /// <summary>Triangular bands, of equal width on the mel scale.</summary>
    public int Bands { get; init; } = 40;

    /// <summary>Cepstral coefficients of a frame, from the 0th; 0 for the log mel energies themselves.</summary>
    public int Coefficients { get; init; } = 10;

    /// <summary>Where the lowest band begins, Hz.</summary>
    public float LowHz { get; init; } = 20;

    /// <summary>Where the highest band ends, Hz; 0 for half the sample rate.</summary>
    public float HighHz { get; init; }

    /// <summary>Band energies below this count as this much; samples are in [−1, 1).</summary>
    public float Floor { get; init; } = 1e-6f;

    /// <summary>
    /// Where above 0: energies count from the loudest of the input, in decibels below which all is silence. Features then depend neither
    /// on loudness nor on faint noise.
    /// </summary>
    public float RangeDb { get; init; }

    /// <summary>Whether each feature's mean over the frames of an input is subtracted, which takes microphone and room away.</summary>
    public bool RemoveMean { get; init; }

    /// <summary>Subtracted from each feature; empty for nothing.</summary>
    public float[] Mean { get; init; } = [];

    /// <summary>What each is divided by then; empty for nothing.</summary>
    public float[] Deviation { get; init; } = [];

    /// <summary>Points of the Fourier transform: the power of two that holds a frame.</summary>
    [JsonIgnore]
    public int FourierPoints => (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Window);

    /// <summary>Features of a frame.</summary>
    [JsonIgnore]
    public int Width => Coefficients > 0 ? Coefficients : Bands;

    /// <summary>Samples of one input of the network.</summary>
    [JsonIgnore]
    public int ClipSamples => Window + (Frames - 1) * Hop;

    /// <summary>As JSON, for a model's metadata.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, FeatureJson.Default.FeatureOptions);

    /// <summary>Reads what <see cref="ToJson"/> wrote.</summary>
    /// <exception cref="InvalidDataException">It is something else, or out of range.</exception>
    public static FeatureOptions Parse(string json)
    {
        try
        {
            FeatureOptions options = JsonSerializer.Deserialize(json, FeatureJson.Default.FeatureOptions) ?? throw new InvalidDataException("no sound features");
            options.Check();
            return options;
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"no sound features: {e.Message}", e);
        }
    }

    /// <summary>Checks the ranges, before anything is allocated.</summary>
    /// <exception cref="InvalidDataException">A value is out of range.</exception>
    internal void Check()
    {
        Require(SampleRate is >= 1 and <= 384_000, nameof(SampleRate));
        Require(Window is >= 4 and <= 65_536, nameof(Window));
        Require(Hop is >= 1 and <= 65_536, nameof(Hop));
        Require(Frames is >= 1 and <= 65_536, nameof(Frames));
        Require(Bands is >= 1 and <= 1024, nameof(Bands));
        Require(Coefficients >= 0 && Coefficients <= Bands, nameof(Coefficients));
        Require(LowHz >= 0 && HighHz >= 0 && HighHz <= SampleRate / 2f && LowHz < (HighHz > 0 ? HighHz : SampleRate / 2f), nameof(HighHz));
        Require(float.IsFinite(Floor) && Floor > 0, nameof(Floor));
        Require(RangeDb is >= 0 and <= 1000, nameof(RangeDb));
        Require(Mean.Length == 0 || (Mean.Length == Width && Array.TrueForAll(Mean, float.IsFinite)), nameof(Mean));
        Require(Deviation.Length == 0 || (Deviation.Length == Width && Array.TrueForAll(Deviation, d => float.IsFinite(d) && d > 0)), nameof(Deviation));

        static void Require(bool holds, string name)
        {
            if (!holds) throw new InvalidDataException($"sound features: {name} is out of range");
        }
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(FeatureOptions))]
internal sealed partial class FeatureJson : JsonSerializerContext;
