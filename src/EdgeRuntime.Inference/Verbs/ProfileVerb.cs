using System.Globalization;
using EdgeRuntime.Kernels;
using EdgeRuntime.Model;

namespace EdgeRuntime.Inference;

/// <summary><c>profile</c>: measures this machine's kernels and writes them into a profile, by which latencies are predicted.</summary>
public sealed class ProfileVerb : Verb
{
    /// <inheritdoc/>
    public override string Name => "profile";

    /// <inheritdoc/>
    public override string Summary => "measure this machine's kernels for predictions of latency, and write its profile";

    /// <inheritdoc/>
    public override IReadOnlyList<VerbOption> Options { get; } =
    [
        new("--output", "FILE", "the profile to write; the profile takes the file's name") { Alias = "-o", IsWritten = true },
        new("--profile", "NAME|FILE", "the profile whose description to keep (the one that fits this machine)"),
        new("--seconds", "S", "time for each layer (0.1)"),
        new("--note", "TEXT", "how the figures came about (the processor, the date)"),
    ];

    /// <inheritdoc/>
    public override int Run(VerbCall call)
    {
        string file = call.Required("--output"), name = Path.GetFileNameWithoutExtension(file);
        SystemInfo machine = SystemInfo.Read();
        CpuFeatures cpu = CpuFeatures.Detect();
        RuntimeProfile? profile = SessionFlags.Profile(call) ?? RuntimeProfiles.ForMachine(machine, cpu);
        if (profile is null) throw new UsageException("no profile describes this machine; name one that comes near it with --profile");
        if (profile.Architecture != machine.Architecture || !cpu.Has(profile.Features.Set))
            throw new UsageException($"profile {profile.Name} is for {profile.Architecture} with {string.Join(", ", profile.Isa)}, which this machine is not");
        // Estimates, and which layers form chains, depend on the caches. A board's are known; those of a kind of machine are a cautious guess.
        if (profile.Match.Count == 0) profile = profile with { Caches = CacheSizes.Detect().In(profile.Caches) };
        IReadOnlyList<ProfileMeasurement> table = LatencyProbe.Measure(profile, call.Positive("--seconds") ?? 0.1, text => call.Progress("measuring " + text));
        call.Progress("");
        string note = call.Text("--note") ?? string.Create(CultureInfo.InvariantCulture, $"Measured on {machine.Cpu}, {DateTime.UtcNow:yyyy-MM-dd}.");
        RuntimeProfile measured = profile with { Name = name, Latency = new ProfileLatency(note, table) };
        string json = RuntimeProfileWriter.ToJson(measured);
        RuntimeProfile.Parse(System.Text.Encoding.UTF8.GetBytes(json), file);
        AtomicFile.Write(file, s => s.Write(System.Text.Encoding.UTF8.GetBytes(json)));
        if (call.IsJson) call.Output.Write(json);
        else Print(measured, file, call.Output);
        return 0;
    }

    private static void Print(RuntimeProfile profile, string file, TextWriter output)
    {
        TextTable table = new("kernel", ">layers", ">µs in all", ">cycles in all", ">estimated");
        foreach (var group in profile.Latency.Measurements.GroupBy(m => m.Kernel).OrderBy(g => g.Key, StringComparer.Ordinal))
        {
            double us = group.Sum(m => m.MedianUs);
            table.Add(group.Key, $"{group.Count()}", $"{us:F1}", $"{us * profile.ClockMhz.Max:N0}", $"{group.Sum(m => m.EstimatedCycles):N0}");
        }
        table.Write(output);
        output.WriteLine($"{file}: {profile.Latency.Measurements.Count} layers measured; cycles are those of {profile.ClockMhz.Max} MHz");
    }
}
