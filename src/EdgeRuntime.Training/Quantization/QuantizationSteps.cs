using EdgeRuntime.Tensors;

namespace EdgeRuntime.Training;

/// <summary>
/// How a tensor is quantised in training, with steps that can be learned (Esser et al., "Learned step size quantization", 2020) and,
/// for asymmetric quantisation, learned low ends (Bhalgat et al., "LSQ+", 2020): with step s and low end β
/// <code>
/// z = clamp(round(Min − β/s)),   q = clamp(round(x/s) + z, Min, Max),   y = s · (q − z)
/// </code>
/// z = 0 if symmetric. With 1 bit, q is the sign of x. What is trained is the ratio of a step to its first value, and the low end's
/// move in shares of the first range, so that one learning rate suits all tensors.
/// </summary>
public sealed class QuantizationSteps
{
    // A step that falls to nothing would make integers infinite.
    private const float LeastRatio = 0.02f;

    private readonly float[] _first;
    private readonly float _low;

    private QuantizationSteps(string name, TensorShape shape, float[] steps, int min, int max, int channels, int group, float? low)
    {
        int depth = (int)(shape.ElementCount / Math.Max(1, channels));
        (_first, Min, Max, Channels, Size) = (steps, min, max, channels, group == 0 ? Math.Max(1, depth) : group);
        Groups = Math.Max(1, (depth + Size - 1) / Size);
        Depth = depth;
        if (steps.Length != channels * Groups) throw new ArgumentException($"{name}: {steps.Length} steps for {channels} channels with {Groups} groups each", nameof(steps));
        float[] ratios = new float[channels];
        Array.Fill(ratios, 1);
        Ratios = new Variable(name + ".steps", new TensorShape(channels), ratios);
        if (low is null) return;
        _low = low.Value;
        Move = new Variable(name + ".low", new TensorShape(1), [0f]);
    }

    /// <summary>Symmetric steps: one for a tensor (<paramref name="channels"/> 1), for each index of the first axis, or for each group along the others.</summary>
    /// <param name="name">For messages and checkpoints.</param>
    /// <param name="shape">The tensor's.</param>
    /// <param name="steps">First values [channels, groups]. The groups of a channel keep their proportions, as integer kernels need.</param>
    /// <param name="bits">8 (±127), 4 (−8 to 7), 2 (−2 to 1) or 1 (±1).</param>
    /// <param name="channels">1, or the length of the first axis.</param>
    /// <param name="group">Elements that share a step within a channel; 0 for all.</param>
    public static QuantizationSteps Symmetric(string name, TensorShape shape, float[] steps, int bits, int channels = 1, int group = 0)
    {
        (int min, int max) = bits switch { 8 => (-127, 127), 4 => (-8, 7), 2 => (-2, 1), 1 => (-1, 1), _ => throw new ArgumentException($"{bits} bits; known: 8, 4, 2, 1", nameof(bits)) };
        return new QuantizationSteps(name, shape, steps, min, max, channels, group, null) { IsSign = bits == 1 };
    }

    /// <summary>One step, and unless <paramref name="symmetric"/> a learned low end, for a tensor of integers <paramref name="min"/> to <paramref name="max"/>.</summary>
    public static QuantizationSteps Activation(string name, QuantizationParameters first, bool symmetric = false, int min = -128, int max = 127) =>
        new(name, TensorShape.Scalar, [first.Scale], min, max, 1, 0, symmetric ? null : first.Scale * (min - first.ZeroPoint));

    /// <summary>Ratio of each channel's steps to the first ones.</summary>
    public Variable Ratios { get; }

    /// <summary>Move of the low end in shares of the first range; null if symmetric.</summary>
    public Variable? Move { get; }

    /// <summary>Smallest integer.</summary>
    public int Min { get; }

    /// <summary>Largest integer.</summary>
    public int Max { get; }

    /// <summary>Whether integers are −1 and 1 only.</summary>
    public bool IsSign { get; private init; }

    /// <summary>Magnitude, in steps, beyond which no gradient passes a sign.</summary>
    public float SignLimit { get; init; } = 3;

    /// <summary>Integers that stand for real 0.</summary>
    public int ZeroPoint => Move is null ? 0 : (int)Math.Clamp(Math.Round(Min - (double)Low / Step(0), MidpointRounding.ToEven), Min, Max);

    internal int Channels { get; }

    internal int Groups { get; }

    internal int Size { get; }

    internal int Depth { get; }

    private float Low => _low + Move!.Data[0] * _first[0] * (Max - Min);

    /// <summary>Step number <paramref name="index"/> of [channels, groups].</summary>
    public float Step(int index) => _first[index] * Ratio(index / Groups);

    /// <summary>All steps.</summary>
    public float[] Steps() => [.. Enumerable.Range(0, _first.Length).Select(Step)];

    /// <summary>The form in which inference takes the quantisation of an activation.</summary>
    public QuantizationParameters Parameters() => new(Step(0), ZeroPoint);

    /// <summary>Lets the steps, and the low end, learn or not.</summary>
    public bool Learn
    {
        set
        {
            Ratios.RequiresGradient = value;
            if (Move is not null) Move.RequiresGradient = value;
        }
    }

    /// <summary>Adds d loss / d step of every step to the gradient of the ratios, times 1/√(elements · Max), which balances steps and weights.</summary>
    internal void AddGradient(Tape tape, ReadOnlySpan<double> steps, double low, long elements)
    {
        double scale = 1 / Math.Sqrt(Math.Max(1.0, elements / (double)Channels) * (Move is null ? Max : Max - Min));
        if (Ratios.RequiresGradient)
        {
            float[] ratios = tape.GradientOf(Ratios);
            for (int i = 0; i < _first.Length; i++) ratios[i / Groups] += (float)(scale * _first[i] * steps[i]);
        }
        if (Move is { RequiresGradient: true }) tape.GradientOf(Move)[0] += (float)(scale * _first[0] * (Max - Min) * low);
    }

    private float Ratio(int channel) => Math.Max(Ratios.Data[channel], LeastRatio);
}
