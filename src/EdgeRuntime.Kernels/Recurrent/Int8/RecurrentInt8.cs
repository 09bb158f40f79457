using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Panels of <c>Units</c> units: all gates of a unit lie in one panel, so that the product is followed at once by requantisation and
/// the gates' functions on 16-bit lanes, and only the new states are written. What the inputs contribute is computed for all steps at
/// once, panel by panel, so that each panel is read from memory once.
/// </summary>
/// <typeparam name="P">The product.</typeparam>
/// <typeparam name="L">The 16-bit arithmetic.</typeparam>
/// <typeparam name="W">Its vector.</typeparam>
internal sealed unsafe class RecurrentInt8<P, L, W> : RecurrentInt8Kernel where P : struct, ICellProduct where L : struct, IGateLanes<W> where W : unmanaged
{
    // Constants of a row before a panel: bias, multiplier, shift.
    private const int Constants = 3;
    private const int TableBytes = 8 * GateFunctions.CoefficientBytes;

    private static int RowsTogether => CellPanels<P>.RowsTogether;

    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } = new($"recurrent-s8-{P.Name}{L.Suffix}", "recurrent-s8", P.Requires | L.Requires,
        $"{P.Units} units of all gates a panel, {P.Step} products a lane, functions fused with the product" + (P.NeedsSmallWeights ? "; weights above -128" : "")
        + (P.IsSparse ? "; skips zero weights in units of 8×4 (units × inputs)" : ""));

    /// <inheritdoc/>
    public override bool Supports(in RecurrentCellShape shape, RecurrentInt8Weights weights) => !P.NeedsSmallWeights || !weights.HasMinimum;

    /// <inheritdoc/>
    public override double EstimateCycles(in RecurrentCellShape shape, RecurrentInt8Weights weights)
    {
        double units = shape.Directions * Panels(shape), product = P.IsSparse ? weights.Slabs(shape) * P.SlabCycles + units * shape.Gates * P.Units / 8 * P.ListCycles
            : units * shape.Gates * P.Units * (shape.Inputs / CellPanels<P>.ProductsPerCycle(shape.Steps * shape.Batch) + shape.Hidden / P.ProductsPerCycle);
        return (double)shape.Steps * shape.Batch * (product + units * L.UnitCycles);
    }

    /// <inheritdoc/>
    public override long PackedBytes(in RecurrentCellShape shape, RecurrentInt8Weights weights) => Pack(shape, null, weights, []);

    /// <summary>The functions' tables; where each panel begins; the panels.</summary>
    public override void Pack(in RecurrentCellShape shape, RecurrentInt8Parameters parameters, RecurrentInt8Weights weights, Span<byte> destination)
    {
        destination.Clear();
        PackTable(GateFunctions.SigmoidTable, destination);
        PackTable(GateFunctions.TanhTable, destination[(TableBytes / 2)..]);
        Pack(shape, (RecurrentInt8Parameters?)parameters, weights, destination);
    }

    private static void PackTable(ReadOnlySpan<byte> table, Span<byte> to)
    {
        for (int i = 0; i < table.Length; i++) to[L.HasWordTables ? i / 32 * 32 + i % 16 * 2 + i / 16 % 2 : i] = table[i];
    }

    /// <inheritdoc/>
    public override int StateRow(in RecurrentCellShape shape) => Panels(shape) * P.Units;

    /// <summary>What the inputs contribute; z and the int8 form of r∘s for GRUs that reset before; and each worker's converted vectors.</summary>
    public override long ScratchBytes(in RecurrentCellShape shape, int workers) => ResetOffset(shape)
        + Round((long)shape.Directions * shape.Batch * shape.Hidden) + workers * RowsTogether * VectorBytes(shape);

    /// <inheritdoc/>
    public override int Portions(in RecurrentCellShape shape, int stage) => shape.Directions * Panels(shape);

    /// <inheritdoc/>
    public override void Run(in RecurrentInt8Call call, int stage, int first, int end, int worker)
    {
        RecurrentCellShape s = call.Shape;
        byte* vectors = call.Scratch + ResetOffset(s) + Round((long)s.Directions * s.Batch * s.Hidden) + worker * RowsTogether * VectorBytes(s);
        if (stage == 0) InputGates(call, first, end, vectors);
        else Step(call, stage - 1, first, end, vectors);
    }

    private static int Panels(in RecurrentCellShape s) => (s.Hidden + P.Units - 1) / P.Units;

    private static int Steps(int length) => (length + P.Step - 1) / P.Step;

    private static long Round(long bytes) => (bytes + 63) / 64 * 64;

    /// <summary>int16 of what the inputs contribute, [D, panel, T·N, gate, unit]; then z.</summary>
    private static long UpdateOffset(in RecurrentCellShape s) => Round((long)s.Directions * Panels(s) * s.Steps * s.Batch * s.Gates * P.Units * sizeof(short));

    private static long ResetOffset(in RecurrentCellShape s) => UpdateOffset(s) + Round((long)s.Directions * s.Batch * Panels(s) * P.Units * sizeof(short));

    private static long VectorBytes(in RecurrentCellShape s) => Round((Math.Max(s.Inputs, s.Hidden) + P.Step) * (long)P.ElementBytes) + 64;

    /// <summary>For each direction the panels of W, those of R's gates that are computed together, and those of the gate that is computed after them.</summary>
    private static long Pack(RecurrentCellShape s, RecurrentInt8Parameters? p, RecurrentInt8Weights weights, Span<byte> to)
    {
        int together = s.Together, index = 0;
        Span<int> starts = to.IsEmpty ? [] : MemoryMarshal.Cast<byte, int>(to[TableBytes..]);
        long at = TableBytes + Round(sizeof(int) * (long)s.Directions * Parts * Panels(s));
        for (int d = 0; d < s.Directions; d++)
            foreach ((int part, int first, int end) in (ReadOnlySpan<(int, int, int)>)[(InputPart, 0, s.Gates), (TogetherPart, 0, together), (LatePart, together, s.Gates)])
                for (int u = 0; u < s.Hidden; u += P.Units, index++)
                {
                    if (first == end) continue;
                    CellPanel panel = new(part == InputPart ? weights.Input : weights.Recurrent, part == InputPart ? s.Inputs : s.Hidden, (d * s.Gates + first) * s.Hidden + u, s.Hidden, end - first,
                        Math.Min(P.Units, s.Hidden - u));
                    int constants = Constants * sizeof(int) * panel.Gates * P.Units;
                    if (p is not null)
                    {
                        starts[index] = checked((int)at);
                        PackConstants(panel, p, part == InputPart, MemoryMarshal.Cast<byte, int>(to.Slice((int)at, constants)));
                    }
                    at += Round(constants + CellPanels<P>.Pack(panel, p is null ? [] : to[((int)at + constants)..]));
                }
        return at;
    }

    private static void PackConstants(CellPanel panel, RecurrentInt8Parameters p, bool input, Span<int> to)
    {
        int rows = panel.Gates * P.Units, zero = input ? p.InputZeroPoint : p.HiddenZeroPoint;
        (int[] bias, int[] multipliers, int[] shifts) = input ? (p.Bias, p.InputMultipliers, p.InputShifts) : (p.RecurrentBias, p.RecurrentMultipliers, p.RecurrentShifts);
        for (int gate = 0; gate < panel.Gates; gate++)
            for (int unit = 0; unit < panel.Units; unit++)
            {
                int row = panel.Row(gate, unit), r = gate * P.Units + unit, sum = 0;
                foreach (sbyte w in panel.Weights(gate, unit)) sum += w;
                to[r] = bias[row] - (zero + P.Offset(zero)) * sum;
                to[rows + r] = multipliers[row];
                to[2 * rows + r] = shifts[row];
            }
    }

    private const int Parts = 3, InputPart = 0, TogetherPart = 1, LatePart = 2;

    private static byte* Panel(in RecurrentInt8Call call, int d, int part, int panel) =>
        call.Packed + ((int*)(call.Packed + TableBytes))[(d * Parts + part) * Panels(call.Shape) + panel];

    /// <summary>Stage 0: some panels for all rows of the input.</summary>
    private static void InputGates(in RecurrentInt8Call call, int first, int end, byte* vectors)
    {
        RecurrentCellShape s = call.Shape;
        int panels = Panels(s), rows = s.Gates * P.Units, count = s.Steps * s.Batch;
        int* sums = stackalloc int[P.Rows * 4 * P.Units];
        nint vectorBytes = (nint)VectorBytes(s);
        for (int row = 0; row < count; row += RowsTogether)
        {
            int some = Math.Min(RowsTogether, count - row);
            for (int i = 0; i < some; i++) P.Convert(call.Input + (nint)(row + i) * s.Inputs, vectors + i * vectorBytes, s.Inputs, call.InputZeroPoint);
            for (int portion = first; portion < end; portion++)
            {
                int* constants = (int*)Panel(call, portion / panels, InputPart, portion % panels);
                short* gates = Gates(call, portion, row);
                for (int i = 0; i < some; i += P.Rows)
                {
                    int tile = Math.Min(P.Rows, some - i);
                    CellPanels<P>.Multiply(s.Gates, tile, vectors + i * vectorBytes, vectorBytes, (sbyte*)(constants + Constants * rows), Steps(s.Inputs), sums);
                    for (int t = 0; t < tile; t++)
                        for (int r = 0; r < rows; r += L.Lanes, gates += L.Lanes) L.Store(gates, L.Narrow(sums + t * rows + r, constants + r, rows));
                }
            }
        }
    }

    /// <summary>Some panels of one step, for all sequences; every other step backwards, as the nearest cache still holds what came last.</summary>
    private static void Step(in RecurrentInt8Call call, int stage, int first, int end, byte* vectors)
    {
        RecurrentCellShape s = call.Shape;
        bool two = s.Cell == RecurrentCell.GruResetBefore, late = two && stage % 2 == 1;
        int step = two ? stage / 2 : stage, gates = late ? 1 : s.Together, panels = Panels(s);
        Sequence* sequences = stackalloc Sequence[RowsTogether];
        for (int portion = first, next; portion < end; portion = next)
        {
            int d = portion / panels, start = d * panels;
            next = Math.Min(end, start + panels);
            for (int n = 0; n < s.Batch; n += RowsTogether)
            {
                int some = Math.Min(RowsTogether, s.Batch - n);
                for (int i = 0; i < some; i++) sequences[i] = new Sequence(call, d, step, n + i, late, vectors + i * VectorBytes(s));
                for (int p = portion; p < next; p++)
                {
                    int panel = (step % 2 == 0 ? p : portion + next - 1 - p) - start;
                    byte* weights = Panel(call, d, late ? LatePart : TogetherPart, panel);
                    for (int i = 0; i < some; i++)
                        if (sequences[i].IsPast) new Span<sbyte>(sequences[i].Output + panel * P.Units, Math.Min(P.Units, s.Hidden - panel * P.Units)).Fill((sbyte)call.HiddenZeroPoint);
                        else Unit(call, gates, sequences[i], weights, panel);
                }
            }
        }
    }

    /// <summary>Where the operands of a sequence's step lie, of its first unit.</summary>
    private readonly struct Sequence
    {
        /// <summary>The converted hidden state.</summary>
        public readonly byte* Vector;

        /// <summary>What the inputs contribute, [panel, T·N, gate, unit]; state; z.</summary>
        public readonly short* Inputs, State, Update;

        /// <summary>The new hidden state, or its reset form.</summary>
        public readonly sbyte* Output;

        /// <summary>Whether the sequence is shorter.</summary>
        public readonly bool IsPast;

        public Sequence(in RecurrentInt8Call call, int d, int step, int n, bool late, byte* vector)
        {
            RecurrentCellShape s = call.Shape;
            nint row = (nint)d * s.Batch + n;
            int panels = Panels(s);
            sbyte* reset = (sbyte*)(call.Scratch + ResetOffset(s)) + row * s.Hidden;
            IsPast = call.Lengths != null && step >= call.Lengths[n];
            Output = s.Cell == RecurrentCell.GruResetBefore && !late && !IsPast ? reset : call.Output + s.OutputOffset(d, step, n, call.Lengths);
            Inputs = Gates(call, d * panels, s.Time(d, step, n, call.Lengths) * s.Batch + n);
            State = call.State + row * panels * P.Units;
            Update = (short*)(call.Scratch + UpdateOffset(s)) + row * panels * P.Units;
            Vector = vector;
            if (!IsPast) P.Convert(late ? reset : step == 0 ? call.Hidden + row * s.Hidden : call.Output + s.OutputOffset(d, step - 1, n, call.Lengths), vector, s.Hidden, call.HiddenZeroPoint);
        }
    }

    /// <summary>The functions of one panel of one sequence.</summary>
    private static void Unit(in RecurrentInt8Call call, int gates, in Sequence sequence, byte* weights, int panel)
    {
        int rows = gates * P.Units, unit = panel * P.Units, count = Math.Min(P.Units, call.Shape.Hidden - unit);
        // Sums in whole cache lines, as they are stored by whole registers and read again at once.
        int* room = stackalloc int[4 * P.Units + 15], sums = (int*)(((nint)room + 63) & ~63), constants = (int*)weights;
        byte* tables = call.Packed;
        short* x = sequence.Inputs + (nint)panel * call.Shape.Steps * call.Shape.Batch * call.Shape.Gates * P.Units, state = sequence.State + unit, update = sequence.Update + unit;
        sbyte* y = sequence.Output + unit;
        CellPanels<P>.Multiply(gates, sequence.Vector, (sbyte*)(constants + Constants * rows), Steps(call.Shape.Hidden), sums);
        GateSums gate = new(x, sums, constants, rows, call.GateClip);
        W hidden;
        if (call.Shape.Cell == RecurrentCell.Lstm)
        {
            W cell = L.MulRound(GateLanes<L, W>.Sigmoid(tables, gate[2]), L.Load(state));
            cell = L.AddSaturate(cell, L.ProductShift(GateLanes<L, W>.Sigmoid(tables, gate[0]), GateLanes<L, W>.Tanh(tables, gate[3]), 30 + call.CellExponent));
            cell = L.Clamp(cell, L.Create((short)-call.CellClip), L.Create((short)call.CellClip));
            L.Store(state, cell);
            hidden = L.MulRound(GateLanes<L, W>.Sigmoid(tables, gate[1]), GateLanes<L, W>.Tanh(tables, L.Shift(cell, call.CellExponent + GateFunctions.GateBits)));
        }
        else if (gates == 2)
        {
            L.Store(update, GateLanes<L, W>.Sigmoid(tables, gate[0]));
            hidden = L.MulRound(GateLanes<L, W>.Sigmoid(tables, gate[1]), L.Load(state));
        }
        else
        {
            bool after = gates == 3;
            W z = after ? GateLanes<L, W>.Sigmoid(tables, gate[0]) : L.Load(update);
            W q = gate.Recurrent(after ? 2 : 0);
            if (after) q = L.MulRound(GateLanes<L, W>.Sigmoid(tables, gate[1]), q);
            W n = GateLanes<L, W>.Tanh(tables, gate.Bound(L.AddSaturate(L.Load(x + 2 * P.Units), q)));
            hidden = L.AddSaturate(L.MulRound(L.Sub(L.Create(short.MinValue), z), n), L.MulRound(z, L.Load(state)));
            L.Store(state, hidden);
        }
        if (count == P.Units) L.StoreHidden(y, hidden, call.HiddenMultiplier, call.HiddenZeroPoint);
        else
        {
            sbyte* part = stackalloc sbyte[P.Units];
            L.StoreHidden(part, hidden, call.HiddenMultiplier, call.HiddenZeroPoint);
            new ReadOnlySpan<sbyte>(part, count).CopyTo(new Span<sbyte>(y, count));
        }
    }

    /// <summary>The sums of a panel's gates, requantised when they are asked for.</summary>
    private readonly ref struct GateSums(short* x, int* sums, int* constants, int rows, int clip)
    {
        /// <summary>What input and hidden state contribute to a gate.</summary>
        public W this[int gate] => Bound(L.AddSaturate(L.Load(x + gate * P.Units), Recurrent(gate)));

        public W Recurrent(int gate) => L.Narrow(sums + gate * P.Units, constants + gate * P.Units, rows);

        public W Bound(W v) => clip == short.MaxValue ? v : L.Clamp(v, L.Create((short)-clip), L.Create((short)clip));
    }

    /// <summary>What row <paramref name="row"/> of the input contributes to the panel of a portion.</summary>
    private static short* Gates(in RecurrentInt8Call call, int portion, int row) =>
        (short*)call.Scratch + ((nint)portion * call.Shape.Steps * call.Shape.Batch + row) * call.Shape.Gates * P.Units;
}

/// <summary>The list of int8 recurrent kernels. A new kernel is one line here.</summary>
public static class RecurrentInt8Kernels
{
    /// <summary>All kernels; which one runs is decided by <see cref="KernelCatalog"/>.</summary>
    public static IReadOnlyList<RecurrentInt8Kernel> All { get; } =
    [
        new RecurrentInt8Reference(),
        new RecurrentInt8<CellProductNeon, GateLanesNeon, Vector128<short>>(),
        new RecurrentInt8<CellProductNeonDot, GateLanesNeon, Vector128<short>>(),
        new RecurrentInt8<CellProductAvx2, GateLanesAvx2, Vector256<short>>(),
        new RecurrentInt8<CellProductAvxVnni<AvxVnniInstruction>, GateLanesAvx2, Vector256<short>>(),
        new RecurrentInt8<CellProductAvx512Vnni, GateLanesAvx2, Vector256<short>>(),
        new RecurrentInt8<CellProductAvx512Vnni, GateLanesAvx512, Vector256<short>>(),
        new RecurrentInt8<CellProductSparse<CellProductNeon, SlabNeon>, GateLanesNeon, Vector128<short>>(),
        new RecurrentInt8<CellProductSparse<CellProductNeonDot, SlabNeonDot>, GateLanesNeon, Vector128<short>>(),
        new RecurrentInt8<CellProductSparse<CellProductAvx2, SlabAvx2>, GateLanesAvx2, Vector256<short>>(),
        new RecurrentInt8<CellProductSparse<CellProductAvxVnni<AvxVnniInstruction>, SlabAvxVnni<AvxVnniInstruction>>, GateLanesAvx2, Vector256<short>>(),
    ];
}
