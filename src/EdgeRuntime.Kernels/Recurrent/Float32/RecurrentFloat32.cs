using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Panels of as many units as a vector has lanes: all gates of a unit lie in one panel, [bias, then k] × [gate][lane], so that the
/// product of the hidden state with a panel is followed at once by the gates' functions, and only the new states are written.
/// </summary>
/// <typeparam name="S">The instruction set.</typeparam>
/// <typeparam name="V">Its register.</typeparam>
/// <typeparam name="P">The product with R, or with its first factor.</typeparam>
internal abstract unsafe class RecurrentFloat32<S, V, P> : RecurrentFloat32Kernel where S : struct, IFloatVector<V> where V : unmanaged where P : struct, IRecurrentProduct
{
    private protected static KernelDescriptor Named(string set, CpuFeature requires) =>
        new($"recurrent-f32-{P.Name.Id}{set}", "recurrent-f32", requires, $"{S.Lanes} units of all gates a panel, functions fused with the product{P.Name.Text}");

    /// <summary>Floats multiplied in a cycle where the weights come from the second-level cache.</summary>
    private protected abstract double ProductsPerCycle { get; }

    /// <inheritdoc/>
    public override bool Supports(in RecurrentCellShape shape) => P.Supports(shape);

    /// <inheritdoc/>
    public override double EstimateCycles(in RecurrentCellShape shape) => (double)shape.Steps * shape.Batch * (P.Cycles(shape, ProductsPerCycle)
        + shape.Directions * (shape.Gates * Panels(shape) * 30 + shape.Rank * shape.Hidden / ProductsPerCycle));

    /// <inheritdoc/>
    public override long PackedBytes(in RecurrentCellShape shape) =>
        sizeof(float) * (P.Floats(shape) + (long)shape.Directions * FactorPanels(shape) * FactorLanes * (1 + shape.Hidden));

    /// <summary>The panels of the gates; behind them, for each direction, the panels of the second factor, without biases.</summary>
    public override void Pack(in RecurrentCellShape shape, ReadOnlySpan<float> weights, ReadOnlySpan<float> second, ReadOnlySpan<float> bias, Span<byte> destination)
    {
        Span<float> packed = MemoryMarshal.Cast<byte, float>(destination)[..(int)(PackedBytes(shape) / sizeof(float))];
        packed.Clear();
        P.Pack(shape, weights, bias, packed);
        int at = (int)P.Floats(shape);
        for (int d = 0; d < shape.Directions; d++)
            for (int r = 0; r < shape.Rank; r += FactorLanes)
                for (int k = -1; k < shape.Hidden; k++, at += FactorLanes)
                    for (int lane = 0; lane < FactorLanes && k >= 0 && r + lane < shape.Rank; lane++) packed[at + lane] = second[(d * shape.Rank + r + lane) * shape.Hidden + k];
    }

    /// <inheritdoc/>
    public override int Portions(in RecurrentCellShape shape, int stage) =>
        shape.Directions * (shape.Rank > 0 && stage % 2 == 0 ? FactorPanels(shape) : Panels(shape));

    /// <inheritdoc/>
    public override void Run(in RecurrentFloat32Call call, int stage, int first, int end)
    {
        RecurrentCellShape s = call.Shape;
        (int step, int part) = Math.DivRem(stage, s.StagesOfStep);
        bool factored = s.Rank > 0, late = s.Cell == RecurrentCell.GruResetBefore && (factored ? part / 2 : part) == 1;
        if (factored && part % 2 == 0)
        {
            for (int portion = first; portion < end; portion++) Project(call, portion, step, late);
            return;
        }
        int panels = Panels(s);
        for (int portion = first; portion < end; portion++)
        {
            (int d, int panel) = Math.DivRem(portion, panels);
            for (int n = 0; n < s.Batch; n++) Unit(call, new Place(call, d, step, n, panel * S.Lanes), d, panel, late);
        }
    }

    /// <summary>Columns of the second factor that are computed at once.</summary>
    private static int FactorLanes => 4 * S.Lanes;

    private static int FactorPanels(in RecurrentCellShape s) => (s.Rank + FactorLanes - 1) / FactorLanes;

    /// <summary>R2·h, or R2·(r·h), of one panel of the second factor.</summary>
    private static void Project(in RecurrentFloat32Call call, int portion, int step, bool late)
    {
        RecurrentCellShape s = call.Shape;
        int d = portion / FactorPanels(s), panel = portion % FactorPanels(s), count = Math.Min(FactorLanes, s.Rank - panel * FactorLanes);
        float* sums = stackalloc float[FactorLanes], weights = (float*)call.Packed + P.Floats(s) + (nint)portion * FactorLanes * (1 + s.Hidden);
        for (int n = 0; n < s.Batch; n++)
        {
            Place p = new(call, d, step, n, 0);
            if (p.IsPast) continue;
            float* source = late ? p.Reset : p.Previous;
            GemvFloat32Tile<S, V>.Run<N4>(new GemmFloat32Task { Rows = &source, Length = s.Hidden, Panel = weights, Output = sums, Min = float.NegativeInfinity, Max = float.PositiveInfinity });
            new ReadOnlySpan<float>(sums, count).CopyTo(new Span<float>(p.Projected + panel * FactorLanes, count));
        }
    }

    private static int Panels(in RecurrentCellShape s) => (s.Hidden + S.Lanes - 1) / S.Lanes;

    /// <summary>One vector of units of one sequence.</summary>
    private static void Unit(in RecurrentFloat32Call call, in Place p, int direction, int panel, bool late)
    {
        if (p.IsPast)
        {
            S.StoreFirst(p.Output, default, p.Count);
            return;
        }
        float* sums = stackalloc float[4 * S.Lanes];
        float* source = call.Shape.IsProductGiven ? p.Sums(call.Sums, late) : call.Shape.Rank > 0 ? p.Projected : late ? p.Reset - p.Unit : p.Previous;
        float* packed = (float*)call.Packed;
        switch (call.Shape.Cell)
        {
            case RecurrentCell.Lstm:
                P.Run<N4>(call.Shape, packed, direction, panel, late, source, sums);
                Lstm(call, p, sums);
                break;
            case RecurrentCell.GruResetAfter:
                P.Run<N3>(call.Shape, packed, direction, panel, late, source, sums);
                V reset = Sigmoid(Sum(call, p, sums, 1));
                Gru(p, Sigmoid(Sum(call, p, sums, 0)), Bound(S.Fma(reset, S.Load(sums + 2 * S.Lanes), p.Load(p.Gate(2))), call.Clip));
                break;
            case RecurrentCell.GruResetBefore when !late:
                P.Run<N2>(call.Shape, packed, direction, panel, late, source, sums);
                p.Store(p.Update, Sigmoid(Sum(call, p, sums, 0)));
                p.Store(p.Reset, S.Mul(Sigmoid(Sum(call, p, sums, 1)), p.Load(p.Previous + p.Unit)));
                break;
            default:
                P.Run<N1>(call.Shape, packed, direction, panel, late, source, sums);
                Gru(p, p.Load(p.Update), Bound(S.Add(S.Load(sums), p.Load(p.Gate(2))), call.Clip));
                break;
        }
    }

    private static void Lstm(in RecurrentFloat32Call call, in Place p, float* sums)
    {
        V kept = S.Mul(Sigmoid(Sum(call, p, sums, 2)), p.Load(p.Cell));
        V cell = S.Fma(Sigmoid(Sum(call, p, sums, 0)), Tanh(Sum(call, p, sums, 3)), kept);
        if (call.CellClip < float.PositiveInfinity) cell = S.Clamp(cell, S.Create(-call.CellClip), S.Create(call.CellClip));
        p.Store(p.Cell, cell);
        p.Store(p.Output, S.Mul(Sigmoid(Sum(call, p, sums, 1)), Tanh(cell)));
    }

    /// <summary>n + z·(h − n).</summary>
    private static void Gru(in Place p, V update, V candidate)
    {
        V n = Tanh(candidate);
        p.Store(p.Output, S.Fma(update, S.Sub(p.Load(p.Previous + p.Unit), n), n));
    }

    /// <summary>What the input and the hidden state contribute to a gate.</summary>
    private static V Sum(in RecurrentFloat32Call call, in Place p, float* sums, int gate) =>
        Bound(S.Add(S.Load(sums + gate * S.Lanes), p.Load(p.Gate(gate))), call.Clip);

    private static V Bound(V x, float clip) => clip < float.PositiveInfinity ? S.Clamp(x, S.Create(-clip), S.Create(clip)) : x;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Sigmoid(V x) => FloatSigmoid.Apply<S, V>(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Tanh(V x) => FloatTanh.Apply<S, V>(x);

    /// <summary>Where the operands of one vector of units lie.</summary>
    private readonly ref struct Place
    {
        private readonly float* _gates;
        private readonly RecurrentCellShape _shape;
        private readonly nint _row;

        public Place(in RecurrentFloat32Call call, int d, int step, int n, int unit)
        {
            RecurrentCellShape s = call.Shape;
            nint state = ((nint)d * s.Batch + n) * s.Hidden;
            _shape = s;
            _row = (nint)n * s.Directions + d;
            _gates = call.InputGates + (((nint)s.Time(d, step, n, call.Lengths) * s.Batch + n) * s.Directions + d) * s.Gates * s.Hidden + unit;
            Unit = unit;
            Count = Math.Min(S.Lanes, s.Hidden - unit);
            IsPast = call.Lengths != null && step >= call.Lengths[n];
            Previous = step == 0 ? call.Hidden + state : call.Output + s.OutputOffset(d, step - 1, n, call.Lengths);
            Output = call.Output + s.OutputOffset(d, step, n, call.Lengths) + unit;
            Cell = call.Cell + state + unit;
            Reset = (float*)call.Scratch + state + unit;
            Update = Reset + (nint)s.Directions * s.Batch * s.Hidden;
            Projected = (float*)call.Scratch + (s.Cell == RecurrentCell.GruResetBefore ? 2 * (nint)s.Directions * s.Batch * s.Hidden : 0) + ((nint)d * s.Batch + n) * s.Rank;
        }

        public int Unit { get; }

        /// <summary>Units there are, at most a vector.</summary>
        public int Count { get; }

        /// <summary>Whether the sequence is shorter.</summary>
        public bool IsPast { get; }

        /// <summary>The whole last hidden state.</summary>
        public float* Previous { get; }

        public float* Output { get; }

        public float* Cell { get; }

        /// <summary>r·h of this unit, in scratch; and z.</summary>
        public float* Reset { get; }

        public float* Update { get; }

        /// <summary>What the second factor makes of the state.</summary>
        public float* Projected { get; }

        public float* Gate(int gate) => _gates + (nint)gate * _shape.Hidden;

        /// <summary>Where the given sums of a part's gates lie.</summary>
        public float* Sums(float* all, bool late) => all + _row * (late ? 1 : _shape.Together) * _shape.Hidden + Unit;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public V Load(float* p) => Count == S.Lanes ? S.Load(p) : S.LoadFirst(p, Count);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Store(float* p, V v)
        {
            if (Count == S.Lanes) S.Store(p, v);
            else S.StoreFirst(p, v, Count);
        }
    }
}

/// <summary>Eight units at a time.</summary>
internal sealed class RecurrentFloat32Avx2<P> : RecurrentFloat32<Avx2Float, Vector256<float>, P> where P : struct, IRecurrentProduct
{
    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } = Named("avx2", CpuFeature.Avx2);

    private protected override double ProductsPerCycle => 8;
}

/// <summary>Sixteen units at a time.</summary>
internal sealed class RecurrentFloat32Avx512<P> : RecurrentFloat32<Avx512Float, Vector512<float>, P> where P : struct, IRecurrentProduct
{
    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } = Named("avx512", CpuFeature.Avx512);

    private protected override double ProductsPerCycle => 12;
}

/// <summary>Four units at a time.</summary>
internal sealed class RecurrentFloat32Neon<P> : RecurrentFloat32<NeonFloat, Vector128<float>, P> where P : struct, IRecurrentProduct
{
    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } = Named("neon", CpuFeature.Neon);

    private protected override double ProductsPerCycle => 4;
}

/// <summary>The list of float recurrent kernels. A new kernel is one line here.</summary>
public static class RecurrentFloat32Kernels
{
    /// <summary>All kernels; which one runs is decided by <see cref="KernelCatalog"/>.</summary>
    public static IReadOnlyList<RecurrentFloat32Kernel> All { get; } =
    [
        new RecurrentFloat32Reference(),
        new RecurrentFloat32Neon<RecurrentDense<NeonFloat, Vector128<float>>>(),
        new RecurrentFloat32Neon<RecurrentSlabs<NeonFloat, Vector128<float>>>(),
        new RecurrentFloat32Neon<RecurrentGiven<NeonFloat, Vector128<float>>>(),
        new RecurrentFloat32Avx2<RecurrentDense<Avx2Float, Vector256<float>>>(),
        new RecurrentFloat32Avx2<RecurrentSlabs<Avx2Float, Vector256<float>>>(),
        new RecurrentFloat32Avx2<RecurrentGiven<Avx2Float, Vector256<float>>>(),
        new RecurrentFloat32Avx512<RecurrentDense<Avx512Float, Vector512<float>>>(),
        new RecurrentFloat32Avx512<RecurrentGiven<Avx512Float, Vector512<float>>>(),
    ];
}
