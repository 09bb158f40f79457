using EdgeRuntime.Kernels;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Training;

/// <summary>
/// Records what is computed, and runs it backwards for gradients (reverse-mode differentiation; Griewank and Walther 2008).
/// Operators are extension methods in Operators/ and Losses/. Memory comes from a pool that the next step uses again. Work is
/// split into <see cref="Chunks"/> parts whatever the number of workers is, and sums over parts are added in their order: the
/// same seed gives the same bits with any number of workers. Not for use by several threads at once.
/// </summary>
public sealed class Tape
{
    /// <summary>Parts that the work of an operator is split into.</summary>
    internal const int Chunks = 8;

    private readonly List<Action> _backward = [];
    private readonly List<Variable> _touched = [];
    private readonly BufferPool _pool = new();
    private readonly ParallelOptions _parallel;

    /// <summary>Creates a tape.</summary>
    /// <param name="workers">Threads to use; 0 for all processors.</param>
    /// <param name="seed">Seed of <see cref="Random"/>.</param>
    /// <param name="cpu">Instruction sets to use; null for all.</param>
    public Tape(int workers = 0, int seed = 1, CpuFeatures? cpu = null)
    {
        _parallel = new ParallelOptions { MaxDegreeOfParallelism = workers > 0 ? workers : Environment.ProcessorCount };
        Cpu = cpu ?? CpuFeatures.Detect();
        Product = KernelCatalog.SelectMatrixProduct(Cpu);
        Elementwise = KernelCatalog.SelectElementwise(Cpu).Kernel;
        Random = new RandomSource((ulong)seed);
    }

    /// <summary>Whether operators behave as in training (batch statistics, dropout) and record themselves.</summary>
    public bool IsTraining { get; set; } = true;

    /// <summary>The source of all randomness in operators.</summary>
    public RandomSource Random { get; }

    /// <summary>
    /// Truncated back-propagation through time (Williams and Peng 1990): recurrent layers hand their state on from one window of so
    /// many steps to the next, but no gradient flows back with it; windows are counted from the last step. 0 for no limit.
    /// </summary>
    public int Window { get; set; }

    internal CpuFeatures Cpu { get; }

    internal MatrixProductKernel Product { get; }

    internal ElementwiseKernel Elementwise { get; }

    /// <summary>A tensor that no gradient flows to, holding a copy of <paramref name="data"/>.</summary>
    public Variable Constant(TensorShape shape, ReadOnlySpan<float> data)
    {
        Variable v = New(shape, false);
        data.CopyTo(v.Data);
        return v;
    }

    /// <summary>
    /// Fills the gradients of all that <paramref name="loss"/>, a scalar, was computed from. Gradients of parameters are added
    /// to those they have, until <see cref="Reset"/>.
    /// </summary>
    public void Backward(Variable loss)
    {
        if (loss.Count != 1) throw new ArgumentException($"a loss has one element, {loss} has {loss.Count}", nameof(loss));
        GradientOf(loss)[0] = 1;
        for (int i = _backward.Count - 1; i >= 0; i--) _backward[i]();
        _backward.Clear();
    }

    /// <summary>Forgets what was recorded, takes all memory back and clears the gradients of parameters.</summary>
    public void Reset()
    {
        _backward.Clear();
        foreach (Variable v in _touched) v.Gradient = null;
        _touched.Clear();
        _pool.TakeBack();
    }

    /// <summary>A result with undefined contents.</summary>
    internal Variable New(TensorShape shape, bool requiresGradient) =>
        new("", shape, Rent(checked((int)shape.ElementCount)), requiresGradient && IsTraining);

    /// <summary>Undefined contents, until <see cref="Reset"/>.</summary>
    internal float[] Rent(int count) => _pool.Rent(count);

    /// <summary>Remembers how to send the gradient of <paramref name="result"/> on, if anything wants it.</summary>
    internal Variable Record(Variable result, Action<float[]> backward)
    {
        if (result.RequiresGradient)
            _backward.Add(() =>
            {
                if (result.Gradient is { } gradient) backward(gradient);
            });
        return result;
    }

    /// <summary>The gradient of <paramref name="v"/> to add to, zeros at first.</summary>
    internal float[] GradientOf(Variable v)
    {
        float[] gradient = GradientOf(v, out bool isNew);
        if (isNew) Array.Clear(gradient);
        return gradient;
    }

    /// <summary>The gradient of <paramref name="v"/>; where <paramref name="isNew"/>, its contents are undefined and all must be written.</summary>
    internal float[] GradientOf(Variable v, out bool isNew)
    {
        isNew = v.Gradient is null;
        if (!isNew) return v.Gradient!;
        _touched.Add(v);
        return v.Gradient = Rent(v.Count);
    }

    /// <summary>Adds <paramref name="gradient"/>, which its owner needs no more, to that of <paramref name="v"/>, without a copy where it is the first.</summary>
    internal void GiveGradient(Variable v, float[] gradient)
    {
        if (v.Gradient is { } sum) VectorMath.Add(gradient, sum);
        else
        {
            _touched.Add(v);
            v.Gradient = gradient;
        }
    }

    /// <summary>Whether no gradient flows from step <paramref name="step"/> to the one before.</summary>
    internal bool IsCut(int step, int steps) => Window > 0 && step > 0 && (steps - step) % Window == 0;

    /// <summary>Runs <paramref name="body"/> on [from, end) ranges that together are [0, <paramref name="count"/>), one per chunk.</summary>
    internal void For(int count, Action<int, int, int> body)
    {
        int chunks = Math.Min(Chunks, count);
        if (chunks <= 1 || _parallel.MaxDegreeOfParallelism == 1)
            for (int c = 0; c < chunks; c++) body(Start(c), Start(c + 1), c);
        else
            Parallel.For(0, chunks, _parallel, c => body(Start(c), Start(c + 1), c));

        int Start(int chunk) => (int)((long)count * chunk / chunks);
    }

    /// <summary>As <see cref="For"/> over elements, in ranges of at least some thousands.</summary>
    internal void ForElements(int count, Action<int, int> body)
    {
        if (count < 16384) body(0, count);
        else For(count, (from, end, _) => body(from, end));
    }
}
