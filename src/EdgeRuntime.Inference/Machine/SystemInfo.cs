using System.Globalization;
using System.Runtime.InteropServices;

namespace EdgeRuntime.Inference;

/// <summary>What the system shows of the machine, from /proc and /sys; what it does not show is null or empty.</summary>
public sealed record SystemInfo
{
    /// <summary>The board's name in the device tree; empty on a PC.</summary>
    public required string Board { get; init; }

    /// <summary>Processor, as the system names it.</summary>
    public required string Cpu { get; init; }

    /// <summary><c>arm64</c>, <c>x64</c>, ….</summary>
    public required string Architecture { get; init; }

    /// <summary>Kernel and its version.</summary>
    public required string Kernel { get; init; }

    /// <summary>Cores that this process may use.</summary>
    public required int Cores { get; init; }

    /// <summary>Frequency governor of the first core.</summary>
    public string? Governor { get; init; }

    /// <summary>Present clock of the first core, MHz.</summary>
    public double? ClockMhz { get; init; }

    /// <summary>Highest temperature shown, °C.</summary>
    public double? TemperatureCelsius { get; init; }

    /// <summary>Throttling flags of the board's firmware; empty where none is set, null where not shown.</summary>
    public IReadOnlyList<string>? Throttling { get; init; }

    /// <summary>Page size, bytes.</summary>
    public required int PageBytes { get; init; }

    /// <summary>Memory, MiB.</summary>
    public long? MemoryMib { get; init; }

    /// <summary>Memory that can be had without swapping, MiB.</summary>
    public long? AvailableMib { get; init; }

    // Bits of the firmware's get_throttled: now in the low half, since start-up in the high half.
    private static readonly (int Bit, string Meaning)[] ThrottleBits =
    [
        (0, "under-voltage now"), (1, "clock capped now"), (2, "throttled now"), (3, "temperature limit now"),
        (16, "under-voltage earlier"), (17, "clock capped earlier"), (18, "throttled earlier"), (19, "temperature limit earlier"),
    ];

    /// <summary>Reads everything.</summary>
    /// <param name="root">Where /proc and /sys are; tests give a folder.</param>
    public static SystemInfo Read(string root = "/")
    {
        string cpuInfo = Text(root, "proc/cpuinfo") ?? "";
        string? clock = Text(root, "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq");
        return new SystemInfo
        {
            Board = Text(root, "proc/device-tree/model")?.TrimEnd('\0') ?? "",
            Cpu = Field(cpuInfo, "model name") ?? ArmCore(cpuInfo) ?? "unknown",
            Architecture = RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant(),
            Kernel = Text(root, "proc/sys/kernel/osrelease") is { } release ? "Linux " + release : RuntimeInformation.OSDescription,
            Cores = Environment.ProcessorCount,
            Governor = Text(root, "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            ClockMhz = Number(clock) / 1000 ?? Number(Field(cpuInfo, "cpu MHz")),
            TemperatureCelsius = Temperature(root),
            Throttling = Throttled(Text(root, "sys/devices/platform/soc/soc:firmware/get_throttled")),
            PageBytes = Environment.SystemPageSize,
            MemoryMib = Mebibytes(root, "MemTotal"),
            AvailableMib = Mebibytes(root, "MemAvailable"),
        };
    }

    /// <summary>One line a fact, for people.</summary>
    public IEnumerable<(string Name, string Value)> Facts()
    {
        if (Board.Length > 0) yield return ("board", Board);
        yield return ("cpu", $"{Cpu}, {Cores} cores, {Architecture}");
        yield return ("kernel", Kernel);
        if (Governor is not null) yield return ("governor", Governor);
        if (ClockMhz is { } mhz) yield return ("clock", string.Create(CultureInfo.InvariantCulture, $"{mhz:F0} MHz"));
        if (TemperatureCelsius is { } t) yield return ("temperature", string.Create(CultureInfo.InvariantCulture, $"{t:F1} °C"));
        if (Throttling is { } flags) yield return ("throttling", flags.Count == 0 ? "none" : string.Join(", ", flags));
        yield return ("page size", $"{PageBytes} bytes");
        if (MemoryMib is { } total) yield return ("memory", $"{total} MiB" + (AvailableMib is { } free ? $", {free} MiB available" : ""));
    }

    private static IReadOnlyList<string>? Throttled(string? text)
    {
        if (text is null || !int.TryParse(text.Replace("0x", "", StringComparison.Ordinal), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out int flags)) return null;
        return [.. ThrottleBits.Where(b => (flags >> b.Bit & 1) != 0).Select(b => b.Meaning)];
    }

    private static double? Temperature(string root)
    {
        string zones = Path.Combine(root, "sys/class/thermal");
        if (!Directory.Exists(zones)) return null;
        return Directory.EnumerateDirectories(zones, "thermal_zone*").Select(z => Number(Text(z, "temp")) / 1000).Max();
    }

    private static long? Mebibytes(string root, string field) =>
        Number(Field(Text(root, "proc/meminfo") ?? "", field)?.Split(' ')[0]) is { } kibibytes ? (long)kibibytes / 1024 : null;

    // ARM kernels show numbers in place of a name (Arm's Main ID Register, implementer 0x41).
    private static string? ArmCore(string cpuInfo) => Field(cpuInfo, "CPU part") switch
    {
        null => null,
        "0xd03" => "Cortex-A53",
        "0xd08" => "Cortex-A72",
        "0xd0b" => "Cortex-A76",
        string part => $"implementer {Field(cpuInfo, "CPU implementer")} part {part}",
    };

    private static string? Field(string text, string name)
    {
        foreach (string line in text.Split('\n'))
        {
            int colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon > 0 && line.AsSpan(0, colon).Trim().SequenceEqual(name)) return line[(colon + 1)..].Trim();
        }
        return null;
    }

    private static double? Number(string? text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) ? value : null;

    private static string? Text(string folder, string file)
    {
        try
        {
            return File.ReadAllText(Path.Combine(folder, file)).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
