using EdgeRuntime.Kernels;

namespace EdgeRuntime.Inference;

/// <summary>The rules of <c>runtime-profiles/schema.json</c> that types alone do not carry, and what no schema can say.</summary>
internal static class RuntimeProfileRules
{
    private const CpuFeature ArmSets = CpuFeature.Neon | CpuFeature.NeonDot;

    /// <summary>Checks every rule.</summary>
    /// <exception cref="RuntimeProfileException">The first rule broken.</exception>
    public static void Check(RuntimeProfile p, string place)
    {
        void Require(bool holds, string message)
        {
            if (!holds) throw new RuntimeProfileException(place, message);
        }
        void InRange(int value, int low, int high, string what) => Require(value >= low && value <= high, $"{what} is {value}; {low} to {high} expected");

        Require(p.Name.Length > 0 && p.Name[0] != '-' && p.Name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-'),
            $"name is '{p.Name}'; small letters, digits and '-' only");
        Require(p.Title.Length > 0, "title is empty");
        Require(p.Cpu.Length > 0, "cpu is empty");
        Require(p.Architecture is "arm64" or "x64", $"architecture is '{p.Architecture}'; arm64 or x64 expected");
        CheckIsa(p, Require);
        Require(p.Match.All(m => m.Length > 0), "match holds an empty text");
        InRange(p.Cores, 1, 256, "cores");
        InRange(p.Caches.L1iKib, 1, int.MaxValue, "caches.l1i_kib");
        InRange(p.Caches.L1dKib, 1, int.MaxValue, "caches.l1d_kib");
        InRange(p.Caches.L2Kib, 1, int.MaxValue, "caches.l2_kib");
        InRange(p.Caches.L3Kib, 0, int.MaxValue, "caches.l3_kib");
        InRange(p.Caches.LineBytes, 16, 256, "caches.line_bytes");
        InRange(p.ClockMhz.Min, 1, p.ClockMhz.Max, "clock_mhz.min");
        InRange(p.Memory.TotalMib, 64, int.MaxValue, "memory.total_mib");
        InRange(p.Memory.BudgetMib, 1, p.Memory.TotalMib, "memory.budget_mib");
        InRange(p.Memory.PageBytes, 4096, 65536, "memory.page_bytes");
        InRange(p.Threads.Count, 1, p.Cores, "threads.count");
        Require(p.Threads.Pin.Count == 0 || p.Threads.Pin.Count == p.Threads.Count, $"threads.pin names {p.Threads.Pin.Count} cores for {p.Threads.Count} threads");
        foreach (int core in p.Threads.Pin) InRange(core, 0, p.Cores - 1, "a core of threads.pin");
        Require(p.Threads.Pin.Distinct().Count() == p.Threads.Pin.Count, "threads.pin names a core twice");
        Require(p.KernelOverrides.All(o => o.Key.Length > 0 && o.Value.Length > 0), "kernel_overrides holds an empty name");
        foreach (ProfileMeasurement m in p.Latency.Measurements)
            Require(m.Kernel.Length > 0 && m.Shape.Length > 0 && m.EstimatedCycles >= 0 && m.Threads >= 1 && m.MedianUs > 0, $"a measurement of kernel '{m.Kernel}' lacks shape, estimate, threads or time");
    }

    private static void CheckIsa(RuntimeProfile p, Action<bool, string> require)
    {
        require(p.Isa.Count > 0, "isa is empty");
        require(p.Isa.Distinct(StringComparer.Ordinal).Count() == p.Isa.Count, "isa names an instruction set twice");
        CpuFeature set;
        try
        {
            set = p.Features.Set;
        }
        catch (FormatException e)
        {
            throw new RuntimeProfileException(p.Name, "isa: " + e.Message, e);
        }
        CpuFeature foreign = p.Architecture == "arm64" ? set & ~ArmSets : set & ArmSets;
        require(foreign == CpuFeature.None, $"isa names {new CpuFeatures(foreign)}, which {p.Architecture} does not have");
    }
}
