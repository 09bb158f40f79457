using EdgeRuntime.Kernels;
using EdgeRuntime.Model;

namespace EdgeRuntime.Inference;

/// <summary>
/// Predicts how long a network takes on one core of a board that need not be there: the kernels that the board would choose,
/// their estimated cycles at its highest clock, corrected by what its profile's table measured for the same kernel, else
/// for kernels of the same family, else for all.
/// </summary>
public sealed class LatencyModel
{
    /// <summary>Cycles between two layers where nothing was measured, as the planner of chains counts them.</summary>
    private const double StepCycles = 150;

    /// <summary>
    /// What is left of the time to fetch weights anew, which a layer measured by itself had in a near cache, as most is fetched ahead: by <c>ad_fp32.onnx</c> on a Zen 3,
    /// whose weights fit into the third level.
    /// </summary>
    private const double FetchShare = 0.2;

    private readonly Dictionary<string, LatencyCurve> _kinds, _families;
    private readonly LatencyCurve _all;

    /// <summary>Fits the profile's table.</summary>
    public LatencyModel(RuntimeProfile profile)
    {
        Profile = profile;
        Point[] points = [.. profile.Latency.Measurements.Where(m => m.Threads == 1)
            .Select(m => new Point(m.Kernel, FamilyOf(m.Kernel), m.EstimatedCycles / profile.ClockMhz.Max, m.MedianUs))];
        IsMeasured = points.Length > 0;
        _kinds = points.GroupBy(p => p.Kind).ToDictionary(g => g.Key, Fit);
        _families = points.GroupBy(p => p.Family).ToDictionary(g => g.Key, Fit);
        _all = IsMeasured ? Fit(points) : LatencyCurve.Estimate(StepCycles / profile.ClockMhz.Max);
    }

    /// <summary>The board.</summary>
    public RuntimeProfile Profile { get; }

    /// <summary>Whether the profile has measured times; else predictions rest on estimates alone.</summary>
    public bool IsMeasured { get; }

    /// <summary>Predicts the latency of one inference of <paramref name="graph"/>, which must be in the form that sessions run.</summary>
    /// <exception cref="ModelException">Something in it can't be run.</exception>
    public LatencyPrediction Predict(Graph graph)
    {
        IReadOnlyList<PlannedStep> plan = Plan(graph, Profile);
        long weights = plan.Sum(s => s.Parts.Sum(p => p.WeightBytes));
        StepLatency[] steps = [.. plan.Select(s => new StepLatency(s.Step.Name, s.Step.Type.ToString(), s.Step.KernelId, Us(s.Parts, weights)))];
        return new LatencyPrediction(Profile.Name, IsMeasured, steps.Sum(s => s.Us), steps);
    }

    /// <summary>The steps that one core of the board would run.</summary>
    internal static IReadOnlyList<PlannedStep> Plan(Graph graph, RuntimeProfile profile) => InferenceSession.Plan(graph, new SessionOptions
    {
        Cpu = profile.Features,
        KernelOverrides = profile.KernelOverrides,
        Caches = CacheSizes.Of(profile.Caches, 1),
    });

    private double Us(IReadOnlyList<PlannedPart> parts, long weights)
    {
        double us = 0, start = 0;
        foreach (PlannedPart part in parts)
        {
            LatencyCurve curve = _kinds.TryGetValue(part.Kind, out LatencyCurve? kind) ? kind : _families.GetValueOrDefault(FamilyOf(part.Kind), _all);
            double estimate = part.Cycles / Profile.ClockMhz.Max, factor = curve.Factor * curve.Deviation(estimate);
            us += factor * estimate + FetchCycles(part.WeightBytes, weights) / Profile.ClockMhz.Max;
            start = Math.Max(start, factor * curve.StartUs);
        }
        return us + start;
    }

    /// <summary>Cycles to read weights that those of the other layers have driven out of near caches; measured layers had read their own.</summary>
    private double FetchCycles(long bytes, long all)
    {
        CacheSizes caches = CacheSizes.Of(Profile.Caches, 1);
        return bytes * (IsMeasured ? FetchShare * (caches.CyclesPerByte(all) - caches.CyclesPerByte(bytes)) : caches.CyclesPerByte(all));
    }

    private static LatencyCurve Fit(IEnumerable<Point> points) => LatencyCurve.Fit([.. points.Select(p => (p.EstimatedUs, p.MeasuredUs))]);

    private static string FamilyOf(string kind)
    {
        string id = kind.Split(' ')[0];
        return KernelCatalog.All.FirstOrDefault(k => k.Descriptor.Id == id)?.Descriptor.Family ?? id;
    }

    private readonly record struct Point(string Kind, string Family, double EstimatedUs, double MeasuredUs);
}

/// <summary>How long a network is predicted to take on one core of a board.</summary>
/// <param name="Profile">The board's profile.</param>
/// <param name="IsMeasured">Whether the profile has measured times; else the figures are estimates.</param>
/// <param name="TotalUs">Microseconds of one inference.</param>
/// <param name="Steps">What each step takes.</param>
public sealed record LatencyPrediction(string Profile, bool IsMeasured, double TotalUs, IReadOnlyList<StepLatency> Steps)
{
    /// <summary>What the figure rests on, for tables.</summary>
    public string Basis => IsMeasured ? "from measured kernel times" : "estimated";
}

/// <summary>How long a step is predicted to take.</summary>
/// <param name="Name">The node; of a chain, all names.</param>
/// <param name="Operator">Its operator.</param>
/// <param name="Kernel">The kernel that the board would choose.</param>
/// <param name="Us">Microseconds.</param>
public sealed record StepLatency(string Name, string Operator, string Kernel, double Us);
