using EdgeRuntime.Model;

namespace EdgeRuntime.Compressor;

/// <summary>
/// How weights become integers, once their scales are chosen: <c>nearest</c>; or with the output's error on the calibration data in
/// view, by <see cref="ErrorFeedback"/> (<c>gptq</c>) or learned (<see cref="AdaRound"/>, <c>adaround</c>).
/// </summary>
internal sealed class WeightRounding
{
    public const string Nearest = "nearest", Learned = "adaround", Feedback = "gptq";

    private readonly string _method;
    private readonly int _threads;
    private readonly Dictionary<Node, WindowMoments> _moments;

    private WeightRounding(string method, int threads, Dictionary<Node, WindowMoments> moments) => (_method, _threads, _moments) = (method, threads, moments);

    /// <summary>Every weight to the nearest integer.</summary>
    public static WeightRounding ToNearest { get; } = new(Nearest, 1, []);

    /// <exception cref="ArgumentException">There is no such method.</exception>
    public static void Check(string? method)
    {
        if (method is not (null or Nearest or Learned or Feedback)) throw new ArgumentException($"no rounding \"{method}\"; known: {Nearest}, {Learned}, {Feedback}");
    }

    /// <summary>Observes <paramref name="layers"/> of the float <paramref name="graph"/> as far as <paramref name="method"/> needs it.</summary>
    /// <param name="method">One of the three.</param>
    /// <param name="graph">The network that they are part of.</param>
    /// <param name="layers">Those that will be rounded.</param>
    /// <param name="biasCorrection">Whether biases will make up for mean errors.</param>
    /// <param name="context">Data and threads.</param>
    public static WeightRounding For(string method, Graph graph, IEnumerable<Node> layers, bool biasCorrection, PassContext context) => method == Nearest ? ToNearest
        : new WeightRounding(method, context.Threads, WindowMoments.Observe(graph, context, layers.Where(n => Weights.Of(n) is not null), biasCorrection));

    /// <summary>Mean squares of what each weight of an output channel meets, for choosing scales; empty if unknown.</summary>
    public float[] Importance(Node node) =>
        _moments.TryGetValue(node, out WindowMoments? m) && m.Moments is [Matrix whole] ? [.. Enumerable.Range(0, whole.Rows).Select(k => (float)whole[k, k])] : [];

    /// <summary>What the bias of a dense layer must become for the means of its outputs to stay, where they are to, once its weights are others.</summary>
    public float[] BiasFor(Node node, ReadOnlySpan<float> before, ReadOnlySpan<float> after)
    {
        float[] bias = Weights.Of(node)!.Bias;
        if (!_moments.TryGetValue(node, out WindowMoments? m) || m.Means is not [double[] means]) return bias;
        double[] shifts = new double[bias.Length];
        for (int i = 0; i < before.Length; i++) shifts[i / means.Length] += ((double)before[i] - after[i]) * means[i % means.Length];
        return [.. bias.Zip(shifts, (b, s) => (float)(b + s))];
    }

    /// <summary>Integers for <paramref name="weights"/>, output channels outermost.</summary>
    /// <param name="node">The layer.</param>
    /// <param name="weights">Reals.</param>
    /// <param name="outputs">Output channels.</param>
    /// <param name="scales">One for all, or as many for each channel as there are groups.</param>
    /// <param name="groupSize">Weights of a group along the reduction axis.</param>
    /// <param name="least">The smallest integer allowed.</param>
    /// <param name="most">The largest.</param>
    public sbyte[] Round(Node node, ReadOnlySpan<float> weights, int outputs, ReadOnlySpan<float> scales, int groupSize, int least, int most)
    {
        int depth = weights.Length / Math.Max(1, outputs), groups = scales.Length == 1 ? 0 : scales.Length / outputs;
        float[] each = new float[weights.Length], targets = new float[weights.Length];
        sbyte[] integers = new sbyte[weights.Length];
        for (int i = 0; i < each.Length; i++)
        {
            each[i] = scales[groups == 0 ? 0 : i / depth * groups + i % depth / groupSize];
            targets[i] = weights[i] / each[i];
            integers[i] = (sbyte)Math.Clamp(MathF.Round(targets[i]), least, most);
        }
        if (!_moments.TryGetValue(node, out WindowMoments? window)) return integers;
        Matrix[] moments = window.Moments;
        int part = integers.Length / moments.Length;
        for (int g = 0; g < moments.Length; g++)
        {
            Range range = (g * part)..((g + 1) * part);
            RoundingProblem problem = new(moments[g], targets[range], each[range], least, most);
            sbyte[] found = integers[range];
            ErrorFeedback.Round(problem, found, _threads);
            if (_method == Learned) AdaRound.Round(problem, found, _threads);
            found.CopyTo(integers, g * part);
        }
        return integers;
    }
}
