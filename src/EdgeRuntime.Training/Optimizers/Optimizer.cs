namespace EdgeRuntime.Training;

/// <summary>Moves parameters against their gradients.</summary>
public abstract class Optimizer
{
    private protected Optimizer(IEnumerable<Variable> parameters) => Parameters = [.. parameters];

    /// <summary>What is moved.</summary>
    public IReadOnlyList<Variable> Parameters { get; }

    /// <summary>Steps made.</summary>
    public int Steps { get; internal set; }

    /// <summary>Arrays that a checkpoint must hold besides the parameters, in a fixed order.</summary>
    internal abstract IEnumerable<float[]> State { get; }

    /// <summary>Moves all parameters that have a gradient.</summary>
    public void Step(float learningRate)
    {
        Steps++;
        for (int i = 0; i < Parameters.Count; i++)
            if (Parameters[i] is { RequiresGradient: true, Gradient: { } gradient }) Update(i, Parameters[i].Data, gradient, learningRate);
    }

    private protected abstract void Update(int index, float[] parameter, float[] gradient, float learningRate);

    /// <summary>
    /// Scales all gradients so that their common Euclidean norm is at most <paramref name="limit"/> (Pascanu, Mikolov and
    /// Bengio 2013); returns the norm before.
    /// </summary>
    public static float ClipGradients(IEnumerable<Variable> parameters, float limit)
    {
        float[][] gradients = [.. parameters.Select(p => p.Gradient).OfType<float[]>()];
        float norm = (float)Math.Sqrt(gradients.Sum(g => VectorMath.SumOfSquares(g)));
        if (norm > limit)
            foreach (float[] g in gradients)
                for (int i = 0; i < g.Length; i++) g[i] *= limit / norm;
        return norm;
    }
}

/// <summary>Stochastic gradient descent with momentum: v = momentum·v + g + decay·p, p −= rate·v (or rate·(g + momentum·v) for Nesterov's).</summary>
public sealed class Sgd(IEnumerable<Variable> parameters, float momentum = 0.9f, float weightDecay = 0, bool nesterov = false) : Optimizer(parameters)
{
    private readonly float[][] _velocity = [.. parameters.Select(p => new float[p.Count])];

    internal override IEnumerable<float[]> State => _velocity;

    private protected override void Update(int index, float[] parameter, float[] gradient, float learningRate)
    {
        float[] v = _velocity[index];
        for (int i = 0; i < parameter.Length; i++)
        {
            float g = gradient[i] + weightDecay * parameter[i];
            v[i] = momentum * v[i] + g;
            parameter[i] -= learningRate * (nesterov ? g + momentum * v[i] : v[i]);
        }
    }
}

/// <summary>Adam (Kingma and Ba 2015) with decoupled weight decay (AdamW; Loshchilov and Hutter 2019).</summary>
public sealed class Adam(IEnumerable<Variable> parameters, float weightDecay = 0, float beta1 = 0.9f, float beta2 = 0.999f, float epsilon = 1e-8f) : Optimizer(parameters)
{
    private readonly float[][] _mean = [.. parameters.Select(p => new float[p.Count])], _square = [.. parameters.Select(p => new float[p.Count])];

    internal override IEnumerable<float[]> State => _mean.Concat(_square);

    private protected override void Update(int index, float[] parameter, float[] gradient, float learningRate)
    {
        float[] m = _mean[index], s = _square[index];
        float step = (float)(learningRate * Math.Sqrt(1 - Math.Pow(beta2, Steps)) / (1 - Math.Pow(beta1, Steps)));
        for (int i = 0; i < parameter.Length; i++)
        {
            m[i] += (1 - beta1) * (gradient[i] - m[i]);
            s[i] += (1 - beta2) * (gradient[i] * gradient[i] - s[i]);
            parameter[i] -= step * m[i] / (MathF.Sqrt(s[i]) + epsilon) + learningRate * weightDecay * parameter[i];
        }
    }
}
