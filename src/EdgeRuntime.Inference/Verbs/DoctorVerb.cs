using EdgeRuntime.Kernels;

namespace EdgeRuntime.Inference;

/// <summary><c>doctor</c>: says what this machine is, which kernels it gets and why, and what keeps it from its best.</summary>
public sealed class DoctorVerb(ModelSource source, string version) : Verb
{
    /// <inheritdoc/>
    public override string Name => "doctor";

    /// <inheritdoc/>
    public override string Summary => "check this machine: instruction sets, kernels chosen and why, memory, clock, profile";

    /// <inheritdoc/>
    public override VerbArgument Argument => new("MODEL", $"a model whose layers to show ({source.Formats}); without it, one layer of each kind", 0, 1);

    /// <inheritdoc/>
    public override IReadOnlyList<VerbOption> Options => SessionFlags.Options;

    /// <inheritdoc/>
    public override int Run(VerbCall call)
    {
        SessionOptions options = SessionFlags.Read(call);
        CpuFeatures found = CpuFeatures.Detect();
        SystemInfo machine = SystemInfo.Read();
        RuntimeProfile? profile = SessionFlags.Profile(call) ?? RuntimeProfiles.ForMachine(machine, found);
        string? fault = SelfTestNetwork.Compare(options.Cpu is { } cpu ? found.Intersect(cpu) : found);
        DoctorReport report = new(version, found.ToString(), machine, profile?.Name,
            [.. KernelCatalog.All.Select(k => Describe(k.Descriptor, found))],
            Choices(call, options), fault ?? "passed", [.. Warnings(machine, profile, found)]);
        if (call.IsJson) call.WriteJson(report, VerbJson.Default.DoctorReport);
        else Print(report, call.Output);
        return fault is null ? 0 : 1;
    }

    private List<DoctorChoice> Choices(VerbCall call, SessionOptions options)
    {
        using OpenedModel? model = call.Arguments is [string path] ? source.Open(path, call) : null;
        using InferenceSession session = model?.NewSession(options) ?? new(SelfTestNetwork.Build(), options);
        return [.. session.Steps.Select(s => new DoctorChoice(s.Name, s.Type.ToString(), s.KernelId, s.Reason))];
    }

    private static DoctorKernel Describe(KernelDescriptor kernel, CpuFeatures cpu) =>
        new(kernel.Id, kernel.Family, new CpuFeatures(kernel.Requires).ToString(), cpu.Has(kernel.Requires));

    private static IEnumerable<string> Warnings(SystemInfo machine, RuntimeProfile? profile, CpuFeatures found)
    {
        if (machine.Governor is { } governor && governor != "performance")
            yield return $"governor {governor}: the clock follows the load; for even latency: echo performance > /sys/devices/system/cpu/cpu0/cpufreq/scaling_governor";
        foreach (string flag in machine.Throttling ?? [])
            yield return $"{flag}: check power supply and cooling";
        if (machine.TemperatureCelsius is > 75 and double hot) yield return $"{hot:F0} °C: the clock may be lowered soon; check cooling";
        if (profile is null)
        {
            yield return "no board profile describes this machine; kernels are chosen by instruction sets alone";
            yield break;
        }
        CpuFeature missing = profile.Features.Set & ~found.Set;
        if (missing != CpuFeature.None)
            yield return $"profile {profile.Name} names {new CpuFeatures(missing)}, which this processor, or this build of the program, does not have";
        if (profile.Match.Count > 0 && machine.PageBytes != profile.Memory.PageBytes)
            yield return $"pages of {machine.PageBytes} bytes where {profile.Name} usually has {profile.Memory.PageBytes}";
        if (machine.Cores < profile.Threads.Count) yield return $"{machine.Cores} cores for the {profile.Threads.Count} threads of profile {profile.Name}";
        if (machine.AvailableMib is { } free && free < profile.Memory.BudgetMib)
            yield return $"{free} MiB available, less than the {profile.Memory.BudgetMib} MiB that profile {profile.Name} grants";
    }

    private static void Print(DoctorReport report, TextWriter output)
    {
        output.WriteLine($"version: {report.Version}");
        foreach (var (name, value) in report.Machine.Facts()) output.WriteLine($"{name}: {value}");
        output.WriteLine($"instruction sets: {report.Cpu}");
        output.WriteLine($"profile: {report.Profile ?? "none"}");
        output.WriteLine($"self-test: {report.SelfTest}");
        output.WriteLine();
        TextTable kernels = new("kernel", "family", "requires", "usable");
        foreach (DoctorKernel k in report.Kernels) kernels.Add(k.Id, k.Family, k.Requires, k.Usable ? "yes" : "no");
        kernels.Write(output);
        output.WriteLine();
        TextTable choices = new("layer", "operator", "kernel chosen", "why");
        foreach (DoctorChoice c in report.Choices) choices.Add(c.Layer, c.Operator, c.Kernel, c.Reason);
        choices.Write(output);
        output.WriteLine();
        foreach (string warning in report.Warnings) output.WriteLine($"warning: {warning}");
        if (report.Warnings.Count == 0) output.WriteLine("no warnings");
    }
}
