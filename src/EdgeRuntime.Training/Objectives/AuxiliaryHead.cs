using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Training;

/// <summary>
/// A small classifier on a value inside a network, for deep supervision (Lee et al. 2015) and for networks that are their own
/// teachers (Zhang et al. 2019): means over places, a hidden layer, one score a class. It is trained along and not kept.
/// </summary>
public sealed class AuxiliaryHead
{
    private const int LeastHidden = 32;

    private readonly Variable _hidden, _hiddenBias, _scores, _scoresBias;

    /// <summary>Puts a head on <paramref name="value"/>, whose channels come last.</summary>
    public AuxiliaryHead(ValueInfo value, int classes, RandomSource random)
    {
        Value = value;
        int channels = value.Shape[-1], hidden = Math.Max(channels, LeastHidden);
        _hidden = new Variable($"{value.Name}.head", new TensorShape(hidden, channels), Initialization.Gaussian(random, hidden * channels, MathF.Sqrt(2f / channels)));
        _hiddenBias = new Variable($"{value.Name}.head.bias", new TensorShape(hidden), new float[hidden]);
        _scores = new Variable($"{value.Name}.scores", new TensorShape(classes, hidden), Initialization.Gaussian(random, classes * hidden, MathF.Sqrt(1f / hidden)));
        _scoresBias = new Variable($"{value.Name}.scores.bias", new TensorShape(classes), new float[classes]);
    }

    /// <summary>What it looks at.</summary>
    public ValueInfo Value { get; }

    /// <summary>What is trained along.</summary>
    public IReadOnlyList<Variable> Parameters => [_hidden, _hiddenBias, _scores, _scoresBias];

    /// <summary>Logits [N, classes].</summary>
    public Variable Run(Tape tape, Variable x)
    {
        int[] places = [.. Enumerable.Range(1, x.Shape.Rank - 2)];
        Variable mean = places.Length == 0 ? x : tape.Mean(x, places);
        return tape.Dense(tape.Relu(tape.Dense(mean, _hidden, _hiddenBias)), _scores, _scoresBias);
    }
}
