using System.Runtime.InteropServices;
using EdgeRuntime.Tensors;
using static EdgeRuntime.Kernels.GateFunctions;

namespace EdgeRuntime.Kernels;

/// <summary>The definition as plain loops; a portion is one direction of one sequence.</summary>
internal sealed unsafe class RecurrentInt8Reference : RecurrentInt8Kernel
{
    // Constants of a row: bias, multiplier and shift of W, then of R.
    private const int RowInts = 6;

    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } =
        new("recurrent-s8-reference", "recurrent-s8", CpuFeature.None, "plain loops; the definition, and the fallback of processors without vectors");

    /// <inheritdoc/>
    public override double EstimateCycles(in RecurrentCellShape shape, RecurrentInt8Weights weights) =>
        2.0 * shape.Steps * shape.Batch * shape.Directions * shape.Gates * shape.Hidden * (shape.Hidden + shape.Inputs + 50);

    /// <inheritdoc/>
    public override long PackedBytes(in RecurrentCellShape shape, RecurrentInt8Weights weights) => (long)Rows(shape) * (RowInts * sizeof(int) + shape.Inputs + shape.Hidden);

    /// <inheritdoc/>
    public override void Pack(in RecurrentCellShape shape, RecurrentInt8Parameters parameters, RecurrentInt8Weights weights, Span<byte> destination)
    {
        RecurrentInt8Parameters p = parameters;
        int rows = Rows(shape), at = 0;
        foreach (int[] list in (ReadOnlySpan<int[]>)[p.Bias, p.InputMultipliers, p.InputShifts, p.RecurrentBias, p.RecurrentMultipliers, p.RecurrentShifts])
        {
            list.CopyTo(MemoryMarshal.Cast<byte, int>(destination)[at..]);
            at += rows;
        }
        MemoryMarshal.AsBytes(weights.Input.AsSpan()).CopyTo(destination[(at * sizeof(int))..]);
        MemoryMarshal.AsBytes(weights.Recurrent.AsSpan()).CopyTo(destination[(at * sizeof(int) + weights.Input.Length)..]);
    }

    /// <inheritdoc/>
    public override int StateRow(in RecurrentCellShape shape) => shape.Hidden;

    /// <summary>The int8 form of r∘s, for GRUs that reset before the product.</summary>
    public override long ScratchBytes(in RecurrentCellShape shape, int workers) => (long)shape.Directions * shape.Batch * shape.Hidden;

    /// <inheritdoc/>
    public override int Portions(in RecurrentCellShape shape, int stage) => shape.Directions * shape.Batch;

    /// <inheritdoc/>
    public override void Run(in RecurrentInt8Call call, int stage, int first, int end, int worker)
    {
        RecurrentCellShape s = call.Shape;
        bool two = s.Cell == RecurrentCell.GruResetBefore;
        if (stage == 0 || (two && stage % 2 == 1)) return; // inputs with each step; both halves of a step in the second
        int step = two ? stage / 2 - 1 : stage - 1;
        for (int portion = first; portion < end; portion++)
        {
            int d = portion / s.Batch, n = portion % s.Batch;
            sbyte* y = call.Output + s.OutputOffset(d, step, n, call.Lengths);
            if (call.Lengths != null && step >= call.Lengths[n])
            {
                new Span<sbyte>(y, s.Hidden).Fill((sbyte)call.HiddenZeroPoint);
                continue;
            }
            sbyte* h = step == 0 ? call.Hidden + (nint)portion * s.Hidden : call.Output + s.OutputOffset(d, step - 1, n, call.Lengths);
            sbyte* x = call.Input + ((nint)s.Time(d, step, n, call.Lengths) * s.Batch + n) * s.Inputs, reset = (sbyte*)call.Scratch + (nint)portion * s.Hidden;
            short* state = call.State + (nint)portion * s.Hidden;
            for (int u = 0; two && u < s.Hidden; u++)
                reset[u] = ToHidden(MulRound(Sigmoid(Gate(call, d, 1, u, x, h)), state[u]), call.HiddenMultiplier, call.HiddenZeroPoint);
            for (int u = 0; u < s.Hidden; u++)
            {
                int hidden;
                if (s.Cell == RecurrentCell.Lstm)
                {
                    int cell = Saturate(MulRound(Sigmoid(Gate(call, d, 2, u, x, h)), state[u])
                        + ProductToCell(Sigmoid(Gate(call, d, 0, u, x, h)), Tanh(Gate(call, d, 3, u, x, h)), call.CellExponent));
                    state[u] = (short)Math.Clamp(cell, -call.CellClip, call.CellClip);
                    hidden = MulRound(Sigmoid(Gate(call, d, 1, u, x, h)), TanhOfCell(state[u], call.CellExponent));
                }
                else hidden = state[u] = (short)Gru(call, d, u, x, h, reset, state[u]);
                y[u] = ToHidden(hidden, call.HiddenMultiplier, call.HiddenZeroPoint);
            }
        }
    }

    private static int Gru(in RecurrentInt8Call call, int d, int u, sbyte* x, sbyte* h, sbyte* reset, int state)
    {
        int z = Sigmoid(Gate(call, d, 0, u, x, h)), candidate = Part(call, false, d, 2, u, x);
        if (call.Shape.Cell == RecurrentCell.GruResetBefore) candidate += Part(call, true, d, 2, u, reset);
        else candidate += MulRound(Sigmoid(Gate(call, d, 1, u, x, h)), Part(call, true, d, 2, u, h));
        int n = Tanh(Math.Clamp(Saturate(candidate), -call.GateClip, call.GateClip));
        return Saturate(MulRound(32768 - z, n) + MulRound(z, state));
    }

    private static int Gate(in RecurrentInt8Call call, int d, int gate, int u, sbyte* x, sbyte* h) =>
        Math.Clamp(Saturate(Part(call, false, d, gate, u, x) + Part(call, true, d, gate, u, h)), -call.GateClip, call.GateClip);

    /// <summary>What the input, or the hidden state, contributes to a gate.</summary>
    private static int Part(in RecurrentInt8Call call, bool recurrent, int d, int gate, int u, sbyte* source)
    {
        RecurrentCellShape s = call.Shape;
        nint rows = Rows(s), row = (d * s.Gates + gate) * s.Hidden + u;
        int* constants = (int*)call.Packed + (recurrent ? 3 * rows : 0);
        sbyte* weights = (sbyte*)((int*)call.Packed + RowInts * rows) + (recurrent ? rows * s.Inputs + row * s.Hidden : row * s.Inputs);
        int length = recurrent ? s.Hidden : s.Inputs, zero = recurrent ? call.HiddenZeroPoint : call.InputZeroPoint, sum = constants[row];
        for (int k = 0; k < length; k++) sum += (source[k] - zero) * weights[k];
        return Saturate(Requantize.Scale(sum, constants[rows + row], constants[2 * rows + row]));
    }

    private static int Rows(in RecurrentCellShape s) => s.Directions * s.Gates * s.Hidden;
}
