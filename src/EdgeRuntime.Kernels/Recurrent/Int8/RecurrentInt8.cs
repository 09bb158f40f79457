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

    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } = new($"recurrent-s8-{P.Name}", "recurrent-s8", P.Requires,
        $"{P.Units} units of all gates a panel, {P.Step} products a lane, functions fused with the product" + (P.NeedsSmallWeights ? "; weights above -128" : ""));

    /// <inheritdoc/>
    public override bool Supports(in RecurrentCellShape shape, ReadOnlySpan<sbyte> weights, ReadOnlySpan<sbyte> recurrent) =>
        !P.NeedsSmallWeights || (!weights.Contains(sbyte.MinValue) && !recurrent.Contains(sbyte.MinValue));

    /// <inheritdoc/>
    public override double EstimateCycles(in RecurrentCellShape shape) => (double)shape.Steps * shape.Batch * shape.Directions * Panels(shape)
        * (shape.Gates * P.Units * (shape.Inputs + shape.Hidden) / P.ProductsPerCycle + 200);

    /// <inheritdoc/>
    public override long PackedBytes(in RecurrentCellShape shape) => TableBytes + (long)shape.Directions * Panels(shape) * (PanelBytes(shape, true, shape.Gates)
        + PanelBytes(shape, false, Together(shape.Cell)) + PanelBytes(shape, false, shape.Gates - Together(shape.Cell)));

    /// <summary>
    /// The functions' tables; then for each direction the panels of W, those of R's gates that are computed together, and those of the
    /// gate that is computed after them.
    /// </summary>
    public override void Pack(in RecurrentCellShape shape, RecurrentInt8Parameters parameters, ReadOnlySpan<sbyte> weights, ReadOnlySpan<sbyte> recurrent,
        Span<byte> destination)
    {
        destination[..(int)PackedBytes(shape)].Clear();
        GateFunctions.SigmoidTable.CopyTo(destination);
        GateFunctions.TanhTable.CopyTo(destination[(TableBytes / 2)..]);
        destination = destination[TableBytes..];
        int together = Together(shape.Cell);
        for (int d = 0; d < shape.Directions; d++)
        {
            destination = PackGates(shape, parameters, weights, true, d, 0, shape.Gates, destination);
            destination = PackGates(shape, parameters, recurrent, false, d, 0, together, destination);
            if (together < shape.Gates) destination = PackGates(shape, parameters, recurrent, false, d, together, shape.Gates, destination);
        }
    }

    /// <inheritdoc/>
    public override int StateRow(in RecurrentCellShape shape) => Panels(shape) * P.Units;

    /// <summary>What the inputs contribute; z and the int8 form of r∘s for GRUs that reset before; and each worker's converted vector.</summary>
    public override long ScratchBytes(in RecurrentCellShape shape, int workers) => ResetOffset(shape)
        + Round((long)shape.Directions * shape.Batch * shape.Hidden) + (long)workers * VectorBytes(shape);

    /// <inheritdoc/>
    public override int Portions(in RecurrentCellShape shape, int stage) => shape.Directions * Panels(shape);

    /// <inheritdoc/>
    public override void Run(in RecurrentInt8Call call, int stage, int first, int end, int worker)
    {
        RecurrentCellShape s = call.Shape;
        int panels = Panels(s);
        byte* vector = call.Scratch + ResetOffset(s) + Round((long)s.Directions * s.Batch * s.Hidden) + worker * VectorBytes(s);
        for (int portion = first; portion < end; portion++)
        {
            int d = portion / panels, panel = portion % panels;
            if (stage == 0) InputGates(call, d, panel, vector);
            else Step(call, stage - 1, d, panel, vector);
        }
    }

    private static int Panels(in RecurrentCellShape s) => (s.Hidden + P.Units - 1) / P.Units;

    private static int Together(RecurrentCell cell) => cell switch { RecurrentCell.Lstm => 4, RecurrentCell.GruResetAfter => 3, _ => 2 };

    private static int Steps(in RecurrentCellShape s, bool input) => ((input ? s.Inputs : s.Hidden) + P.Step - 1) / P.Step;

    private static int PanelBytes(in RecurrentCellShape s, bool input, int gates) => gates * P.Units * (Constants * sizeof(int) + Steps(s, input) * P.Step);

    private static long Round(long bytes) => (bytes + 63) / 64 * 64;

    /// <summary>int16 of what the inputs contribute, [D, panel, T·N, gate, unit]; then z.</summary>
    private static long UpdateOffset(in RecurrentCellShape s) => Round((long)s.Directions * Panels(s) * s.Steps * s.Batch * s.Gates * P.Units * sizeof(short));

    private static long ResetOffset(in RecurrentCellShape s) => UpdateOffset(s) + Round((long)s.Directions * s.Batch * Panels(s) * P.Units * sizeof(short));

    private static long VectorBytes(in RecurrentCellShape s) => Round((Math.Max(s.Inputs, s.Hidden) + P.Step) * (long)P.ElementBytes) + 64;

    private static Span<byte> PackGates(RecurrentCellShape s, RecurrentInt8Parameters p, ReadOnlySpan<sbyte> weights, bool input, int d, int first, int end, Span<byte> to)
    {
        int length = input ? s.Inputs : s.Hidden, gates = end - first, rows = gates * P.Units;
        int zero = input ? p.InputZeroPoint : p.HiddenZeroPoint;
        (int[] bias, int[] multipliers, int[] shifts) = input ? (p.Bias, p.InputMultipliers, p.InputShifts) : (p.RecurrentBias, p.RecurrentMultipliers, p.RecurrentShifts);
        for (int u = 0; u < s.Hidden; u += P.Units, to = to[PanelBytes(s, input, gates)..])
        {
            Span<int> constants = MemoryMarshal.Cast<byte, int>(to)[..(Constants * rows)];
            Span<sbyte> panel = MemoryMarshal.Cast<byte, sbyte>(to[(Constants * rows * sizeof(int))..]);
            for (int r = 0; r < rows; r++)
            {
                int g = first + r / P.Units, unit = u + r % P.Units, row = (d * s.Gates + g) * s.Hidden + unit, sum = 0;
                if (unit >= s.Hidden) continue;
                for (int k = 0; k < length; k++)
                {
                    sbyte w = weights[row * length + k];
                    (int at, sbyte stored) = P.Place(r % P.Units, k % P.Step, w);
                    panel[(k / P.Step * rows + r / P.Units * P.Units) * P.Step + at] = stored;
                    sum += w;
                }
                constants[r] = bias[row] - (zero + P.Offset(zero)) * sum;
                constants[rows + r] = multipliers[row];
                constants[2 * rows + r] = shifts[row];
            }
        }
        return to;
    }

    /// <summary>Stage 0: one panel for all rows of the input.</summary>
    private static void InputGates(in RecurrentInt8Call call, int d, int panel, byte* vector)
    {
        RecurrentCellShape s = call.Shape;
        int rows = s.Gates * P.Units, count = s.Steps * s.Batch;
        int* sums = stackalloc int[4 * P.Units], constants = (int*)(Direction(call, d) + (nint)panel * PanelBytes(s, true, s.Gates));
        short* gates = Gates(call, d, panel, 0);
        sbyte* x = call.Input;
        for (int i = 0; i < count; i++, x += s.Inputs)
        {
            P.Convert(x, vector, s.Inputs, call.InputZeroPoint);
            Product(s.Gates, vector, (sbyte*)(constants + Constants * rows), Steps(s, true), sums);
            for (int r = 0; r < rows; r += L.Lanes, gates += L.Lanes) L.Store(gates, L.Narrow(sums + r, constants + r, rows));
        }
    }

    /// <summary>One panel of one step, for all sequences.</summary>
    private static void Step(in RecurrentInt8Call call, int stage, int d, int panel, byte* vector)
    {
        RecurrentCellShape s = call.Shape;
        bool two = s.Cell == RecurrentCell.GruResetBefore, late = two && stage % 2 == 1;
        int step = two ? stage / 2 : stage, together = Together(s.Cell), gates = late ? 1 : together, unit = panel * P.Units;
        byte* weights = Direction(call, d) + (nint)Panels(s) * (PanelBytes(s, true, s.Gates) + (late ? PanelBytes(s, false, together) : 0)) + (nint)panel * PanelBytes(s, false, gates);
        for (int n = 0; n < s.Batch; n++)
        {
            nint row = (nint)d * s.Batch + n;
            sbyte* y = call.Output + s.OutputOffset(d, step, n, call.Lengths) + unit;
            if (call.Lengths != null && step >= call.Lengths[n])
            {
                new Span<sbyte>(y, Math.Min(P.Units, s.Hidden - unit)).Fill((sbyte)call.HiddenZeroPoint);
                continue;
            }
            sbyte* reset = (sbyte*)(call.Scratch + ResetOffset(s)) + row * s.Hidden;
            sbyte* source = late ? reset : step == 0 ? call.Hidden + row * s.Hidden : call.Output + s.OutputOffset(d, step - 1, n, call.Lengths);
            P.Convert(source, vector, s.Hidden, call.HiddenZeroPoint);
            short* x = Gates(call, d, panel, s.Time(d, step, n, call.Lengths) * s.Batch + n);
            short* state = call.State + row * Panels(s) * P.Units + unit, update = (short*)(call.Scratch + UpdateOffset(s)) + row * Panels(s) * P.Units + unit;
            Unit(call, gates, vector, weights, x, state, update, late ? y : two ? reset + unit : y, Math.Min(P.Units, s.Hidden - unit));
        }
    }

    /// <summary>The functions of one panel of one sequence.</summary>
    private static void Unit(in RecurrentInt8Call call, int gates, byte* vector, byte* weights, short* x, short* state, short* update, sbyte* y, int count)
    {
        int rows = gates * P.Units;
        int* sums = stackalloc int[4 * P.Units], constants = (int*)weights;
        byte* tables = call.Packed;
        Product(gates, vector, (sbyte*)(constants + Constants * rows), Steps(call.Shape, false), sums);
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

    private static void Product(int gates, byte* vector, sbyte* weights, int steps, int* sums)
    {
        switch (gates)
        {
            case 4: P.Run<N4>(vector, weights, steps, sums); break;
            case 3: P.Run<N3>(vector, weights, steps, sums); break;
            case 2: P.Run<N2>(vector, weights, steps, sums); break;
            default: P.Run<N1>(vector, weights, steps, sums); break;
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

    /// <summary>The panels of a direction.</summary>
    private static byte* Direction(in RecurrentInt8Call call, int d)
    {
        RecurrentCellShape s = call.Shape;
        int together = Together(s.Cell);
        return call.Packed + TableBytes + (nint)d * Panels(s) * (PanelBytes(s, true, s.Gates) + PanelBytes(s, false, together) + PanelBytes(s, false, s.Gates - together));
    }

    /// <summary>What row <paramref name="row"/> of the input contributes to a panel.</summary>
    private static short* Gates(in RecurrentInt8Call call, int d, int panel, int row)
    {
        RecurrentCellShape s = call.Shape;
        return (short*)call.Scratch + (((nint)d * Panels(s) + panel) * s.Steps * s.Batch + row) * s.Gates * P.Units;
    }
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
    ];
}
