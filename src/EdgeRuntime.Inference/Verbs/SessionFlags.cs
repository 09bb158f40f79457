using System.Runtime.InteropServices;
using EdgeRuntime.Kernels;
using EdgeRuntime.Model;

namespace EdgeRuntime.Inference;

/// <summary>The options by which verbs make sessions.</summary>
public static class SessionFlags
{
    /// <summary>All of them.</summary>
    public static readonly VerbOption[] Options =
    [
        new("--threads", "N", "threads of one inference, each pinned to a processor (1, or the profile's)"),
        new("--cpu", "LIST", "instruction sets to use, for example avx2 or portable (all there are)"),
        new("--profile", "NAME|FILE", "board profile: threads, pinning, kernel choices"),
        new("--fuse", "WHEN", "layers as one step, band by band: auto (where it pays), off or always (auto)"),
        new("--kernel", "WHERE=ID", "prefer a kernel for a node or operator type") { IsRepeatable = true },
        new("--no-panels", null, "pack all weights anew, though the file may hold them packed: for files that are not trusted"),
    ];

    /// <summary>The profile named, or null.</summary>
    /// <exception cref="RuntimeProfileException">There is no such profile.</exception>
    public static RuntimeProfile? Profile(VerbCall call) => call.Text("--profile") is { } name ? RuntimeProfiles.Find(name) : null;

    /// <summary>What the options say.</summary>
    /// <exception cref="UsageException">A value makes no sense, or the profile is for another architecture.</exception>
    /// <exception cref="RuntimeProfileException">There is no such profile.</exception>
    public static SessionOptions Read(VerbCall call)
    {
        RuntimeProfile? profile = Profile(call);
        string architecture = RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant();
        if (profile is not null && profile.Architecture != architecture)
            throw new UsageException($"profile {profile.Name} is for {profile.Architecture}; this machine is {architecture}");
        int threads = call.Int("--threads", profile?.Threads.Count ?? 1, 1);
        if (threads > 256) throw new UsageException($"--threads is {threads}; at most 256 expected");
        Dictionary<string, string> kernels = profile is null ? [] : new(profile.KernelOverrides);
        foreach (var (where, id) in Wishes(call))
        {
            if (!KernelCatalog.All.Any(k => k.Descriptor.Id == id)) throw new UsageException($"--kernel: there is no kernel {id}");
            kernels[where] = id;
        }
        return new SessionOptions
        {
            Threads = threads,
            Processors = Processors(profile, threads),
            Cpu = call.Text("--cpu") is { } list ? ParseCpu(list) : profile?.Features,
            KernelOverrides = kernels,
            Caches = profile is null ? null : CacheSizes.Of(profile.Caches, threads),
            Fusion = ParseFusion(call.Text("--fuse")),
            IgnoresPanels = call.Has("--no-panels"),
        };
    }

    /// <summary>Checks that the nodes of <c>--kernel</c> are there.</summary>
    /// <exception cref="UsageException">One is not, nor is there an operator of that name.</exception>
    public static void CheckKernels(VerbCall call, Graph graph)
    {
        foreach (var (where, _) in Wishes(call))
            if (!Enum.GetNames<OperatorType>().Contains(where) && graph.Nodes.All(n => n.Name != where))
                throw new UsageException($"--kernel: {call.CurrentFile} has no node '{where}', and there is no operator of this name; inspect lists both");
    }

    private static IEnumerable<(string Where, string Id)> Wishes(VerbCall call) => call.All("--kernel").Select(wish =>
        wish.Split('=', 2) is [{ Length: > 0 } where, { Length: > 0 } id] ? (where, id) : throw new UsageException($"--kernel is '{wish}'; WHERE=ID expected"));

    /// <summary>Where to pin: as the profile says, else one processor a worker in order; one worker alone, or too many, the system may move.</summary>
    private static IReadOnlyList<int> Processors(RuntimeProfile? profile, int threads)
    {
        IReadOnlyList<int> allowed = WorkerPool.AllowedProcessors;
        if (profile is not null) return [.. profile.Threads.Pin.Where(allowed.Contains).Take(threads)];
        return threads > 1 && threads <= allowed.Count ? [.. allowed.Take(threads)] : [];
    }

    private static ChainFusion ParseFusion(string? text) => text switch
    {
        null or "auto" => ChainFusion.Auto,
        "off" => ChainFusion.Off,
        "always" => ChainFusion.Always,
        _ => throw new UsageException($"--fuse is '{text}'; auto, off or always expected"),
    };

    private static CpuFeatures ParseCpu(string list)
    {
        try
        {
            CpuFeatures wished = CpuFeatures.Parse(list), found = CpuFeatures.Detect();
            return found.Has(wished.Set) ? wished : throw new UsageException($"--cpu: this machine has no {new CpuFeatures(wished.Set & ~found.Set)}; it has {found}");
        }
        catch (FormatException e)
        {
            throw new UsageException("--cpu: " + e.Message);
        }
    }
}
