using System.Buffers;
using System.Diagnostics;
using System.Runtime.InteropServices;
using EdgeRuntime.Kernels;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Inference;

/// <summary>What one step of the plan is; for tables and profiles.</summary>
/// <param name="Name">The node's name; of a chain, all names.</param>
/// <param name="Type">Its operator; of a chain, the last one's.</param>
/// <param name="KernelId">The kernel that runs it; of a chain, each layer's.</param>
/// <param name="Reason">Why that kernel.</param>
/// <param name="Nodes">The nodes that it computes: one, or a chain.</param>
public sealed record StepInfo(string Name, OperatorType Type, string KernelId, string Reason, IReadOnlyList<Node> Nodes)
{
    /// <summary>The node that makes the step's output.</summary>
    public Node Node => Nodes[^1];

    /// <summary>Multiply-accumulates of all its nodes.</summary>
    public long MultiplyAccumulates => Nodes.Sum(OperatorCosts.MultiplyAccumulates);
}

/// <summary>
/// A network ready to run: kernels chosen, weights packed, one arena laid out. <see cref="Run"/> allocates nothing. Not
/// for use by several threads at once. The graph, and the file its constants are mapped from, must outlive the session.
/// </summary>
public sealed unsafe class InferenceSession : IDisposable, IPortions
{
    private readonly Operator[] _steps;
    private readonly Stage[][] _stages;
    private readonly SharingPlan _sharing;
    private readonly MemoryPlanner _plan;
    private readonly NativeBuffer _arena, _scratch;
    private readonly Dictionary<ValueInfo, MemoryHandle> _constants = [];
    private readonly WorkerPool? _pool;
    private readonly SharingTrial? _trial;
    private readonly long[] _ticks;
    private readonly bool _profile;
    private Operator? _current;

    /// <summary>Prepares <paramref name="graph"/>, which must be valid and in the optimiser's canonical form.</summary>
    /// <exception cref="ModelException">Something in it can't be run; all such nodes are named.</exception>
    public InferenceSession(Graph graph, SessionOptions? options = null)
    {
        options ??= new SessionOptions();
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Threads, 1, nameof(options));
        Graph = graph;
        CpuFeatures detected = CpuFeatures.Detect();
        Cpu = options.Cpu is { } cpu ? detected.Intersect(cpu) : detected;
        PrepareContext context = new(options, Cpu, options is { Packed: { Prepacked.Count: > 0 } file, IgnoresPanels: false } ? new PanelStore(file) : null);
        _steps = ChainPlanner.Fuse(graph, Prepare(graph, context), options, context);
        _plan = new MemoryPlanner(graph, _steps, options.KeepIntermediates);
        _arena = new NativeBuffer(_plan.ArenaBytes);
        _scratch = new NativeBuffer(_steps.Select(s => s.ScratchBytes).DefaultIfEmpty().Max());
        Binder binder = new(this);
        foreach (Operator step in _steps) step.Bind(binder);
        _sharing = new SharingPlan(_steps, options.Threads);
        if (_sharing.IsWorthwhile)
        {
            _pool = new WorkerPool(options.Threads, options.Processors);
            _trial = new SharingTrial(_steps.Length);
        }
        _stages = [.. _steps.Select((s, i) => StagesOf(s, _sharing.Chunks(i)))];
        if (options.Processors.Count > 0) WorkerPool.Pin(options.Processors[0]);
        _ticks = new long[_steps.Length];
        _profile = options.Profile;
    }

    /// <summary>
    /// Packs the weights of <paramref name="graph"/> for the kernels that a machine with the instruction sets of
    /// <paramref name="options"/> would choose; this machine need not have them, as packing is plain code.
    /// </summary>
    /// <returns>The panels for the packed file, and the bytes of arena and scratch that a session takes there.</returns>
    /// <exception cref="ModelException">Something in it can't be run; all such nodes are named.</exception>
    public static (IReadOnlyList<PrepackedPanel> Panels, long WorkingBytes) Prepack(Graph graph, SessionOptions options)
    {
        PanelStore panels = new();
        Operator[] steps = Prepare(graph, new PrepareContext(options, options.Cpu ?? CpuFeatures.Detect(), panels));
        long working = new MemoryPlanner(graph, steps, options.KeepIntermediates).ArenaBytes + steps.Select(s => s.ScratchBytes).DefaultIfEmpty().Max();
        foreach (Operator step in steps) step.Dispose();
        return (panels.Made, working);
    }

    /// <summary>
    /// The steps that a machine with the instruction sets and caches of <paramref name="options"/> would run, with estimates
    /// for one worker; this machine need not have them.
    /// </summary>
    /// <exception cref="ModelException">Something in the graph can't be run; all such nodes are named.</exception>
    internal static IReadOnlyList<PlannedStep> Plan(Graph graph, SessionOptions options)
    {
        PrepareContext context = new(options, options.Cpu ?? CpuFeatures.Detect());
        Operator[] steps = ChainPlanner.Fuse(graph, Prepare(graph, context), options, context);
        PlannedPart PartOf(Operator step, double cycles) => new(step.Node, step.KernelId, cycles, step.Node.Inputs.Sum(v => v is { IsConstant: true } ? v.ByteCount : 0));
        List<PlannedStep> plan = [];
        foreach (Operator step in steps)
        {
            plan.Add(new PlannedStep(InfoOf(step), step.IsAlias ? [] : step is ChainOperator chain ? [.. chain.Layers.Select(l => PartOf(l.Layer, l.Cycles))]
                : [PartOf(step, step.EstimatedCycles)]));
            step.Dispose();
        }
        return plan;
    }

    /// <summary>The network.</summary>
    public Graph Graph { get; }

    /// <summary>The instruction sets in use.</summary>
    public CpuFeatures Cpu { get; }

    /// <summary>Inputs, in the network's order.</summary>
    public IReadOnlyList<ValueInfo> Inputs => Graph.Inputs;

    /// <summary>Outputs, in the network's order.</summary>
    public IReadOnlyList<ValueInfo> Outputs => Graph.Outputs;

    /// <summary>Bytes of the arena that holds all activations.</summary>
    public long ArenaBytes => _plan.ArenaBytes;

    /// <summary>Bytes of working memory that kernels share.</summary>
    public long ScratchBytes => _scratch.Length;

    /// <summary>Bytes of packed weights in memory of their own; those that lie in the file are not counted.</summary>
    public long WeightBytes => _steps.Sum(s => s.WeightBytes);

    /// <summary>Steps that several workers share in the next run.</summary>
    public int SharedSteps => Enumerable.Range(0, _steps.Length).Count(i => _sharing.Chunks(i) > 1 && _trial is not null && _trial.Shares(i));

    /// <summary>Workers that sleep until work is worth their waking; the rest look for it, or are at it.</summary>
    public int ParkedWorkers => _pool?.Parked ?? 0;

    /// <summary>The steps in order.</summary>
    public IReadOnlyList<StepInfo> Steps => [.. _steps.Select(InfoOf)];

    /// <summary>Time spent in each step since <see cref="ResetProfile"/>, in <see cref="Stopwatch"/> ticks; zeros unless profiling.</summary>
    public ReadOnlySpan<long> StepTicks => _ticks;

    /// <summary>The bytes of an input, to be filled before <see cref="Run"/>; they keep their contents across runs.</summary>
    public Span<byte> InputBytes(int index) => Bytes(Inputs[index]);

    /// <summary>An input as elements.</summary>
    /// <exception cref="ArgumentException"><typeparamref name="T"/> is not the input's element type.</exception>
    public Span<T> Input<T>(int index) where T : unmanaged => Elements<T>(Inputs[index]);

    /// <summary>The bytes of an output, valid until the next <see cref="Run"/>.</summary>
    public ReadOnlySpan<byte> OutputBytes(int index) => Bytes(Outputs[index]);

    /// <summary>An output as elements.</summary>
    /// <exception cref="ArgumentException"><typeparamref name="T"/> is not the output's element type.</exception>
    public ReadOnlySpan<T> Output<T>(int index) where T : unmanaged => Elements<T>(Outputs[index]);

    /// <summary>The bytes of any value; those between inputs and outputs hold meaning only with <see cref="SessionOptions.KeepIntermediates"/>.</summary>
    public ReadOnlySpan<byte> ValueBytes(ValueInfo value) => Bytes(value);

    /// <summary>Runs the network once.</summary>
    public void Run()
    {
        bool isTimed = _profile || _trial is { IsTiming: true };
        for (int i = 0; i < _steps.Length; i++)
        {
            long start = isTimed ? Stopwatch.GetTimestamp() : 0;
            RunStep(i, _trial is not null && _trial.Shares(i));
            if (!isTimed) continue;
            long ticks = Stopwatch.GetTimestamp() - start;
            if (_profile) _ticks[i] += ticks;
            if (_trial is { IsTiming: true }) _trial.Record(i, ticks);
        }
        _trial?.EndRun();
    }

    /// <summary>Bytes of the states that last from run to run.</summary>
    public long StateBytes => _steps.OfType<RecurrentOperator>().Where(s => s.IsStateful).Sum(s => s.StateBytes);

    /// <summary>Lets the next run begin a new sequence: the states of stateful layers are as after construction.</summary>
    public void ResetState()
    {
        foreach (Operator step in _steps) (step as RecurrentOperator)?.ResetState();
    }

    /// <summary>Sets all of <see cref="StepTicks"/> to zero.</summary>
    public void ResetProfile() => Array.Clear(_ticks);

    /// <summary>Stops the workers and frees all memory.</summary>
    public void Dispose()
    {
        _pool?.Dispose();
        foreach (Operator step in _steps) step.Dispose();
        foreach (MemoryHandle handle in _constants.Values) handle.Dispose();
        _constants.Clear();
        _arena.Dispose();
        _scratch.Dispose();
    }

    void IPortions.Run(int stage, int first, int end, int worker) => _current!.Run(stage, first, end, worker);

    private static StepInfo InfoOf(Operator step) => new(string.Join(" > ", step.Nodes.Select(n => n.Name)), step.Node.Type, step.KernelId, step.Reason, step.Nodes);

    private void RunStep(int index, bool isShared)
    {
        Operator step = _steps[index];
        foreach (Stage stage in _stages[index])
        {
            if (isShared && stage.Chunks > 1)
            {
                _current = step;
                _pool!.Run(this, stage.Number, stage.Portions, stage.Chunks, _sharing.Wakes(index));
            }
            else step.Run(stage.Number, 0, stage.Portions, 0);
        }
    }

    /// <summary>The stages that have anything to do.</summary>
    private static Stage[] StagesOf(Operator step, int chunks) => [.. Enumerable.Range(0, step.IsAlias && !step.Node.Input(0).IsConstant ? 0 : step.Stages)
        .Select(i => new Stage(i, step.Portions(i), Math.Min(chunks, step.Portions(i)))).Where(s => s.Portions > 0)];

    /// <summary>Creates all operators; reports everything that can't be run at once.</summary>
    private static Operator[] Prepare(Graph graph, PrepareContext context)
    {
        List<Operator> steps = [];
        List<ModelException> failures = [.. graph.Values().Where(v => v.RuntimeBytes > int.MaxValue)
            .Select(v => new ModelException(ModelErrorKind.Unsupported, v.Name, $"its {v.RuntimeBytes:N0} bytes are 2 GiB or more, which no value may have"))];
        foreach (Node node in graph.Nodes)
        {
            try
            {
                steps.Add(OperatorRegistry.Create(node, context));
            }
            catch (ModelException e)
            {
                failures.Add(e);
            }
        }
        if (failures.Count == 0) return [.. steps];
        foreach (Operator step in steps) step.Dispose();
        throw failures.Count == 1 ? failures[0]
            : new ModelException(failures[0].Kind, graph.Name, $"{failures.Count} nodes or values can't be run:\n  " + string.Join("\n  ", failures.Select(f => f.Message)));
    }

    /// <summary>Constants are pinned when a step first asks for them: packed weights never are, and may be stored in another form.</summary>
    private byte* Address(ValueInfo value)
    {
        if (value.Constant is not { } constant) return _arena.Pointer + _plan.OffsetOf(value);
        if (!_constants.TryGetValue(value, out MemoryHandle handle)) _constants[value] = handle = constant.Data.Pin();
        return (byte*)handle.Pointer;
    }

    private Span<byte> Bytes(ValueInfo value)
    {
        if (!value.IsConstant && !_plan.Contains(value)) throw new ArgumentException($"{value.Name} is no value of this network", nameof(value));
        return new Span<byte>(Address(value), checked((int)value.RuntimeBytes));
    }

    private Span<T> Elements<T>(ValueInfo value) where T : unmanaged
    {
        if (Tensor.TypeOf<T>() != value.Type) throw new ArgumentException($"{value.Name} is {value.Type}, not {typeof(T).Name}", nameof(value));
        return MemoryMarshal.Cast<byte, T>(Bytes(value));
    }

    private readonly record struct Stage(int Number, int Portions, int Chunks);

    private sealed class Binder(InferenceSession session) : IBinder
    {
        public byte* Scratch => session._scratch.Pointer;

        public byte* Address(ValueInfo value) => session.Address(value);
    }
}
