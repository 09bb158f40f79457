using System.Globalization;

namespace EdgeRuntime.Inference;

/// <summary>Bytes of cache that one worker may count on, by level; 0 where a level is missing.</summary>
/// <param name="L1">First-level data cache.</param>
/// <param name="L2">Second level, or a worker's share of one that all cores have in common.</param>
/// <param name="L3">Third level.</param>
public readonly record struct CacheSizes(long L1, long L2, long L3)
{
    /// <summary>What most boards have at least; used where the system shows nothing.</summary>
    public static CacheSizes Default => new(32 << 10, 512 << 10, 0);

    /// <summary>The caches of a profile's board for so many workers.</summary>
    public static CacheSizes Of(ProfileCaches caches, int workers) =>
        new(1024L * caches.L1dKib, 1024L * caches.L2Kib / (caches.L2Shared ? workers : 1), 1024L * caches.L3Kib);

    /// <summary><paramref name="caches"/> with these sizes.</summary>
    public ProfileCaches In(ProfileCaches caches) => caches with { L1dKib = (int)(L1 >> 10), L2Kib = Math.Max(1, (int)(L2 >> 10)), L3Kib = (int)(L3 >> 10) };

    /// <summary>The caches of this machine's first core, as Linux shows them.</summary>
    /// <param name="workers">Workers that share what is shared.</param>
    /// <param name="root">Where /sys is; tests give a folder.</param>
    public static CacheSizes Detect(int workers = 1, string root = "/")
    {
        Span<long> levels = stackalloc long[4];
        levels.Clear();
        string caches = Path.Combine(root, "sys/devices/system/cpu/cpu0/cache");
        for (int i = 0; i < 8; i++)
        {
            string folder = Path.Combine(caches, $"index{i}");
            if (Read(folder, "type") is not ("Data" or "Unified") || !int.TryParse(Read(folder, "level"), out int level) || level is < 1 or > 3) continue;
            bool isShared = level == 2 && (Read(folder, "shared_cpu_list") ?? "").AsSpan().ContainsAny('-', ',');
            levels[level] = Bytes(Read(folder, "size")) / (isShared ? workers : 1);
        }
        return levels[1] == 0 ? Default : new CacheSizes(levels[1], levels[2], levels[3]);
    }

    /// <summary>Cycles for each byte that is read or written again and again in a set of <paramref name="bytes"/>, beyond what the first level costs.</summary>
    public double CyclesPerByte(long bytes) => bytes <= L1 / 2 ? 0 : bytes <= L2 / 2 ? 1.0 / 24 : bytes <= L3 / 2 ? 1.0 / 10 : 1.0 / 3;

    private static string? Read(string folder, string name)
    {
        string file = Path.Combine(folder, name);
        try
        {
            return File.Exists(file) ? File.ReadAllText(file).Trim() : null;
        }
        catch (IOException)
        {
            return null;
        }
    }

    // For example 512K.
    private static long Bytes(string? size) => size is [.. var digits, 'K'] && long.TryParse(digits, CultureInfo.InvariantCulture, out long kib) ? kib << 10 : 0;
}
