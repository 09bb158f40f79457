using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Xunit.Abstractions;

namespace EdgeRuntime.Model.Tests;

/// <summary>Damaged files give typed errors or valid graphs, and nothing else.</summary>
public sealed class MutationFuzzTests(ITestOutputHelper output)
{
    // An emulated processor gets fewer: what it adds is another word for memory, not other parsers.
    private static readonly int Count = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 112_000 : 8_000;

    [Fact]
    public void DamagedFilesGiveTypedErrorsOnly()
    {
        byte[][] files = [.. SampleGraphs.All().Select(s => PackedFormatTests.Bytes(s.Graph, s.Options))];
        ConcurrentDictionary<(MutationReach Reach, MutationKind Kind, FormatFault? Fault), int> outcomes = new();
        ConcurrentBag<string> crashes = [];
        Parallel.For(0, Count, seed =>
        {
            Mutation mutation = new(seed, files);
            FormatFault? fault = null;
            try
            {
                fault = Outcome(mutation.Make());
            }
            catch (Exception e)
            {
                crashes.Add($"seed {seed}, {mutation.Kind} in {mutation.Reach}: {e}");
            }
            outcomes.AddOrUpdate((mutation.Reach, mutation.Kind, fault), 1, (_, n) => n + 1);
        });
        Report(outcomes.ToDictionary());
        Assert.True(crashes.IsEmpty, $"{crashes.Count} of {Count} files gave no typed error; the first:\n{crashes.FirstOrDefault()}");
        AssertReach([.. outcomes.Keys]);
    }

    // Null where the file was read: what was read must then be a graph that can be written and read again.
    private static FormatFault? Outcome(byte[] file)
    {
        PackedModel model;
        try
        {
            model = ModelReader.Read(file);
        }
        catch (ModelFormatException e)
        {
            Assert.InRange(e.Offset, 0, file.Length);
            return e.Fault;
        }
        using (model)
        {
            byte[] again = PackedFormatTests.Bytes(model.Graph, new ModelWriterOptions { Golden = model.Golden, Prepacked = model.Prepacked });
            using PackedModel copy = ModelReader.Read(again);
            GraphAssert.Same(model.Graph, copy.Graph);
        }
        return null;
    }

    private static void AssertReach((MutationReach Reach, MutationKind Kind, FormatFault? Fault)[] reached)
    {
        Assert.Equal(32, reached.Select(r => (r.Reach, r.Kind)).Distinct().Count());
        Assert.Equal(Enum.GetValues<FormatFault>(), Faults(_ => true));
        FormatFault[] inner =
        [
            FormatFault.LimitExceeded, FormatFault.Malformed, FormatFault.InvalidText, FormatFault.InvalidReference, FormatFault.InvalidTensor,
            FormatFault.InvalidQuantization, FormatFault.InvalidGraph,
        ];
        Assert.Empty(inner.Except(Faults(r => r.Reach == MutationReach.Section)));
        foreach (MutationKind kind in Enum.GetValues<MutationKind>())
            Assert.True(Faults(r => r.Kind == kind).Length >= 5, $"{kind} reaches only {string.Join(", ", Faults(r => r.Kind == kind))}");
        Assert.Contains(reached, r => r is { Reach: MutationReach.Section, Fault: null });
        Assert.DoesNotContain(reached, r => r is { Reach: MutationReach.File, Kind: MutationKind.Truncation, Fault: null });

        FormatFault[] Faults(Func<(MutationReach Reach, MutationKind Kind, FormatFault? Fault), bool> of) =>
            [.. reached.Where(of).Select(r => r.Fault).OfType<FormatFault>().Distinct().Order()];
    }

    private void Report(Dictionary<(MutationReach Reach, MutationKind Kind, FormatFault? Fault), int> outcomes)
    {
        foreach (var group in outcomes.GroupBy(o => (o.Key.Reach, o.Key.Kind)).OrderBy(g => g.Key))
        {
            StringBuilder line = new($"{group.Key.Reach,-8} {group.Key.Kind,-15}");
            foreach (var o in group.OrderByDescending(o => o.Value)) line.Append(CultureInfo.InvariantCulture, $" {o.Key.Fault?.ToString() ?? "read"}:{o.Value}");
            output.WriteLine(line.ToString());
        }
    }
}
