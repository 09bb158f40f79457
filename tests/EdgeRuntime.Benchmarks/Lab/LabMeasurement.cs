using System.Diagnostics;
using EdgeRuntime.Inference;
using EdgeRuntime.Kernels;
using EdgeRuntime.Model;
using EdgeRuntime.TestSupport;

namespace EdgeRuntime.Benchmarks;

/// <summary>One kernel's time on one layer.</summary>
/// <param name="Kernel">Its id.</param>
/// <param name="Microseconds">The smallest time of one run.</param>
/// <param name="Giga">Billions of multiply-accumulates in a second.</param>
/// <param name="Limit">The instruction that bounds it.</param>
/// <param name="Share">Share of that instruction's peak.</param>
/// <param name="Chosen">Whether the catalog chooses it.</param>
/// <param name="Reference">Whether it is the family's plain loops.</param>
internal sealed record LabTime(string Kernel, double Microseconds, double Giga, string Limit, double Share, bool Chosen, bool Reference);

/// <summary>One layer: what every kernel that can compute it takes.</summary>
/// <param name="Family">The family.</param>
/// <param name="List">The list of shapes.</param>
/// <param name="Layer">Network and geometry.</param>
/// <param name="MultiplyAccumulates">Those of a dense layer, padding included.</param>
/// <param name="Bytes">Input, weights and output, each once.</param>
/// <param name="Kernels">The times.</param>
/// <param name="OnnxRuntime">ONNX Runtime's smallest time, microseconds; null where it was not run.</param>
internal sealed record LabResult(string Family, string List, string Layer, long MultiplyAccumulates, long Bytes, IReadOnlyList<LabTime> Kernels, double? OnnxRuntime)
{
    /// <summary>The kernel that a session runs.</summary>
    public LabTime Chosen => Kernels.First(k => k.Chosen);
}

/// <summary>Runs every kernel of a family, and ONNX Runtime, on one layer: rounds of all alternate, so that all see the same noise.</summary>
internal sealed class LabMeasurement(MachineLimits limits, CpuFeatures cpu, bool chosenOnly)
{
    /// <summary>Time of a layer's whole measurement, milliseconds; slow references get one run.</summary>
    private const double BudgetMs = 60;

    /// <summary>Measures a layer; null where the family has none of that shape.</summary>
    public LabResult? Measure(LabFamily family, string list, string name, ConvolutionShape shape)
    {
        if (family.Build(shape) is not { } graph) return null;
        List<InferenceSession> sessions;
        try
        {
            sessions = Sessions(family, graph);
        }
        catch (ModelException)
        {
            return null;
        }
        string peerFile = Path.GetTempFileName();
        OnnxRuntimeLibrary.Session? peer = null;
        try
        {
            if (OnnxRuntimeLibrary.IsAvailable && family.Peer(shape) is { } model)
            {
                File.WriteAllBytes(peerFile, model);
                peer = new OnnxRuntimeLibrary.Session(peerFile);
                new Random(1).NextBytes(peer.Inputs[0].Type == Tensors.ElementType.Float32 ? [] : peer.Inputs[0].Bytes);
            }
            Action[] runs = [.. sessions.Select(s => (Action)s.Run), .. peer is null ? Array.Empty<Action>() : [peer.Run]];
            double[] least = Least(runs);
            string chosen = sessions[0].Steps[0].KernelId;
            long macs = graph.Nodes.Sum(OperatorCosts.MultiplyAccumulates);
            long bytes = graph.Inputs[0].ByteCount + graph.Outputs[0].ByteCount + (long)(shape.OutChannels * (long)shape.Depth * family.WeightBits / 8);
            return new LabResult(family.Name, list, name, macs, bytes, [.. sessions.Select((s, i) => TimeOf(family, s.Steps[0].KernelId, least[i], macs, chosen))],
                peer is null ? null : least[^1]);
        }
        finally
        {
            peer?.Dispose();
            File.Delete(peerFile);
            foreach (InferenceSession session in sessions) session.Dispose();
        }
    }

    /// <summary>A session for the kernel that the catalog chooses, then for every other kernel of the family that can do it.</summary>
    private List<InferenceSession> Sessions(LabFamily family, Graph graph)
    {
        List<InferenceSession> sessions = [New(null)];
        HashSet<string> seen = [sessions[0].Steps[0].KernelId];
        foreach (Kernel kernel in KernelCatalog.All.Where(k => !chosenOnly && k.Descriptor.Family == family.KernelFamily && cpu.Has(k.Descriptor.Requires)))
        {
            if (!seen.Add(kernel.Descriptor.Id)) continue;
            InferenceSession session = New(kernel.Descriptor.Id);
            if (session.Steps[0].KernelId == kernel.Descriptor.Id) sessions.Add(session);
            else session.Dispose();
        }
        return sessions;

        InferenceSession New(string? kernel)
        {
            InferenceSession session = new(graph, new SessionOptions { Cpu = cpu, KernelOverrides = kernel is null ? new Dictionary<string, string>() : new() { [LabGraphs.Layer] = kernel } });
            BenchmarkRunner.FillInputs(session);
            return session;
        }
    }

    private LabTime TimeOf(LabFamily family, string id, double us, long macs, string chosen)
    {
        // A chain of layers is named by the kernels of all.
        KernelDescriptor descriptor = KernelCatalog.All.Select(k => k.Descriptor).First(d => id.EndsWith(d.Id, StringComparison.Ordinal));
        string limit = family.Limit(descriptor);
        bool isReference = id.EndsWith("-reference", StringComparison.Ordinal);
        return new LabTime(id, us, macs / us / 1e3, limit, macs / us / 1e3 / limits.Peak(limit), id == chosen, isReference);
    }

    /// <summary>The smallest time of each, microseconds; runs below 20 µs are timed several at once.</summary>
    private static double[] Least(Action[] runs)
    {
        double[] least = new double[runs.Length];
        int[] repeats = new int[runs.Length];
        for (int i = 0; i < runs.Length; i++)
        {
            runs[i]();
            double once = SideBySide.Time(runs[i], 1);
            repeats[i] = once > BudgetMs * 1000 ? 0 : (int)Math.Clamp(20 / once, 1, 200);
            least[i] = once;
        }
        long start = Stopwatch.GetTimestamp();
        for (int round = 0; round < 5 || Stopwatch.GetElapsedTime(start).TotalMilliseconds < BudgetMs; round++)
            for (int i = 0; i < runs.Length; i++)
                if (repeats[i] > 0 && (round < 5 || least[i] < BudgetMs * 100)) least[i] = Math.Min(least[i], SideBySide.Time(runs[i], repeats[i]));
        return least;
    }
}
