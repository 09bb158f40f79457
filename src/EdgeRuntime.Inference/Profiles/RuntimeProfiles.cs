using EdgeRuntime.Kernels;

namespace EdgeRuntime.Inference;

/// <summary>The profiles of <c>runtime-profiles/</c>, carried inside the program.</summary>
public static class RuntimeProfiles
{
    private const string Prefix = "runtime-profiles/";

    /// <summary>All profiles, by name.</summary>
    public static IReadOnlyList<RuntimeProfile> All { get; } = [.. typeof(RuntimeProfiles).Assembly.GetManifestResourceNames()
        .Where(n => n.StartsWith(Prefix, StringComparison.Ordinal)).Order(StringComparer.Ordinal).Select(Read)];

    /// <summary>The profile of that name, or of that file.</summary>
    /// <exception cref="RuntimeProfileException">There is neither.</exception>
    public static RuntimeProfile Find(string nameOrPath)
    {
        if (All.FirstOrDefault(p => p.Name == nameOrPath) is { } known) return known;
        if (File.Exists(nameOrPath)) return RuntimeProfile.Load(nameOrPath);
        throw new RuntimeProfileException(nameOrPath, $"no such profile; give one of {string.Join(", ", All.Select(p => p.Name))}, or a JSON file");
    }

    /// <summary>
    /// The profile that describes this machine: by the board's name where the system shows one, else the one with the
    /// most instruction sets that are all there. Null where none fits.
    /// </summary>
    public static RuntimeProfile? ForMachine(SystemInfo machine, CpuFeatures cpu)
    {
        RuntimeProfile? board = All.FirstOrDefault(p => p.Match.Any(m => machine.Board.StartsWith(m, StringComparison.Ordinal)));
        return board ?? All.Where(p => p.Match.Count == 0 && p.Architecture == machine.Architecture && cpu.Has(p.Features.Set)).MaxBy(p => p.Isa.Count);
    }

    private static RuntimeProfile Read(string resource)
    {
        using Stream stream = typeof(RuntimeProfiles).Assembly.GetManifestResourceStream(resource)!;
        byte[] bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return RuntimeProfile.Parse(bytes, resource);
    }
}
