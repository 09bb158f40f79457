using System.Text.Json;
using System.Text.Json.Serialization;
using EdgeRuntime.Kernels;
using EdgeRuntime.Model;

namespace EdgeRuntime.Inference;

/// <summary>A board or kind of machine, as a file of <c>runtime-profiles/</c> describes it.</summary>
/// <param name="Name">Short name, the file's name without extension.</param>
/// <param name="Title">Full name.</param>
/// <param name="Architecture"><c>arm64</c> or <c>x64</c>.</param>
/// <param name="Isa">Instruction sets that kernels may use, as <see cref="CpuFeatures.Parse"/> names them.</param>
/// <param name="Cpu">Processor core.</param>
/// <param name="Match">Beginnings of the device tree's model name; empty where instruction sets alone decide.</param>
/// <param name="Cores">Processor cores.</param>
/// <param name="Caches">Cache sizes.</param>
/// <param name="ClockMhz">Clock range.</param>
/// <param name="Memory">Memory of the smallest variant, and what the runtime may take of it.</param>
/// <param name="Threads">Threads of one inference and the cores they are pinned to.</param>
/// <param name="KernelOverrides">Kernel id to prefer, by node name or operator type.</param>
/// <param name="Latency">Measured kernel times.</param>
public sealed record RuntimeProfile(
    string Name,
    string Title,
    string Architecture,
    IReadOnlyList<string> Isa,
    string Cpu,
    IReadOnlyList<string> Match,
    int Cores,
    ProfileCaches Caches,
    ProfileClock ClockMhz,
    ProfileMemory Memory,
    ProfileThreads Threads,
    IReadOnlyDictionary<string, string> KernelOverrides,
    ProfileLatency Latency)
{
    /// <summary>The JSON Schema's address; editors use it.</summary>
    [JsonPropertyName("$schema")]
    public string? Schema { get; init; }

    /// <summary>The instruction sets as a value.</summary>
    [JsonIgnore]
    public CpuFeatures Features => CpuFeatures.Parse(string.Join(',', Isa));

    /// <summary>Reads and validates a profile.</summary>
    /// <param name="path">The JSON file; its name is the profile's.</param>
    /// <exception cref="RuntimeProfileException">It can't be read, or breaks a rule of <c>schema.json</c>.</exception>
    public static RuntimeProfile Load(string path)
    {
        byte[] bytes;
        try
        {
            bytes = File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new RuntimeProfileException(path, "the profile can't be read: " + e.Message, e);
        }
        RuntimeProfile profile = Parse(bytes, path);
        if (profile.Name != Path.GetFileNameWithoutExtension(path))
            throw new RuntimeProfileException(path, $"the profile calls itself '{profile.Name}'; name the file {profile.Name}.json");
        return profile;
    }

    /// <summary>Parses and validates a profile.</summary>
    /// <param name="json">UTF-8 text.</param>
    /// <param name="place">What to name in errors.</param>
    /// <exception cref="RuntimeProfileException">The text breaks a rule of <c>schema.json</c>.</exception>
    public static RuntimeProfile Parse(ReadOnlySpan<byte> json, string place)
    {
        RuntimeProfile? profile;
        try
        {
            profile = JsonSerializer.Deserialize(json, RuntimeProfileJson.Default.RuntimeProfile);
        }
        catch (JsonException e)
        {
            throw new RuntimeProfileException(place, e.Message + "; runtime-profiles/schema.json says what a profile holds", e);
        }
        RuntimeProfileRules.Check(profile ?? throw new RuntimeProfileException(place, "the file holds null"), place);
        return profile;
    }
}

/// <summary>Cache sizes in KiB; <paramref name="L3Kib"/> is 0 where there is none.</summary>
public sealed record ProfileCaches(int L1iKib, int L1dKib, int L2Kib, bool L2Shared, int L3Kib, int LineBytes);

/// <summary>Clock range in MHz, without overclocking.</summary>
public sealed record ProfileClock(int Min, int Max);

/// <summary>Memory of the smallest variant and the runtime's share of it in MiB, and the usual page size in bytes.</summary>
public sealed record ProfileMemory(int TotalMib, int BudgetMib, int PageBytes);

/// <summary>Threads of one inference; <paramref name="Pin"/> names the core of each, or is empty.</summary>
public sealed record ProfileThreads(int Count, IReadOnlyList<int> Pin);

/// <summary>Measured kernel times and how they came about.</summary>
public sealed record ProfileLatency(string Note, IReadOnlyList<ProfileMeasurement> Measurements);

/// <summary>One measured layer: its kernel's id, the work, the cycles estimated for it, the threads, the median time in microseconds.</summary>
public sealed record ProfileMeasurement(string Kernel, string Shape, double EstimatedCycles, int Threads, double MedianUs);

/// <summary>A profile that can't be used.</summary>
public sealed class RuntimeProfileException : ModelException
{
    /// <summary>Creates the error.</summary>
    public RuntimeProfileException(string place, string message, Exception? inner = null)
        : base(ModelErrorKind.InvalidData, place, message, inner) { }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(RuntimeProfile))]
internal sealed partial class RuntimeProfileJson : JsonSerializerContext;
