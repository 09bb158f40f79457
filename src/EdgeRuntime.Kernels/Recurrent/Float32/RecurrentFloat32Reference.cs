using System.Runtime.InteropServices;

namespace EdgeRuntime.Kernels;

/// <summary>The definition as plain loops; a portion is one direction of one sequence.</summary>
internal sealed unsafe class RecurrentFloat32Reference : RecurrentFloat32Kernel
{
    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } =
        new("recurrent-f32-reference", "recurrent-f32", CpuFeature.None, "plain loops; the definition, and the fallback of processors without vectors");

    /// <inheritdoc/>
    public override double EstimateCycles(in RecurrentCellShape shape) =>
        2.0 * shape.Steps * shape.Batch * shape.Directions * shape.Gates * shape.Hidden * ((shape.IsProductGiven ? 0 : shape.Hidden) + 50);

    /// <inheritdoc/>
    public override long PackedBytes(in RecurrentCellShape shape) => shape.IsProductGiven ? 0 : shape.Directions * sizeof(float) * ((long)shape.Gates * shape.Hidden * (shape.Depth + 1) + (long)shape.Rank * shape.Hidden);

    /// <inheritdoc/>
    public override void Pack(in RecurrentCellShape shape, ReadOnlySpan<float> weights, ReadOnlySpan<float> second, ReadOnlySpan<float> bias, Span<byte> destination)
    {
        if (shape.IsProductGiven) return;
        Span<float> packed = MemoryMarshal.Cast<byte, float>(destination);
        weights.CopyTo(packed);
        packed[weights.Length..].Clear();
        second.CopyTo(packed[weights.Length..]);
        bias.CopyTo(packed[(weights.Length + second.Length)..]);
    }

    /// <inheritdoc/>
    public override int Portions(in RecurrentCellShape shape, int stage) => shape.Directions * shape.Batch;

    /// <inheritdoc/>
    public override void Run(in RecurrentFloat32Call call, int stage, int first, int end)
    {
        RecurrentCellShape s = call.Shape;
        bool two = s.Cell == RecurrentCell.GruResetBefore, given = s.IsProductGiven;
        (int step, int part) = Math.DivRem(stage, s.StagesOfStep);
        bool isLast = part == s.StagesOfStep - 1;
        if (!isLast && !given) return; // a whole step at once, in its last stage
        for (int portion = first; portion < end; portion++)
        {
            int d = portion / s.Batch, n = portion % s.Batch;
            float* y = call.Output + s.OutputOffset(d, step, n, call.Lengths);
            if (call.Lengths != null && step >= call.Lengths[n])
            {
                new Span<float>(y, s.Hidden).Clear();
                continue;
            }
            float* h = step == 0 ? call.Hidden + (nint)portion * s.Hidden : call.Output + s.OutputOffset(d, step - 1, n, call.Lengths);
            float* x = call.InputGates + ((nint)s.Time(d, step, n, call.Lengths) * s.Batch + n) * s.Directions * s.Gates * s.Hidden + (nint)d * s.Gates * s.Hidden;
            float* source = given ? call.Sums + ((nint)n * s.Directions + d) * (isLast && two ? 1 : s.Together) * s.Hidden : Project(call, portion, h);
            float* update = (float*)call.Scratch + (nint)(s.Directions * s.Batch + portion) * s.Hidden;
            if (!isLast)
            {
                Reset(call, portion, x, h, source);
                for (int u = 0; u < s.Hidden; u++) update[u] = Sigmoid(Gate(call, d, 0, u, x, source));
                continue;
            }
            float* reset = two && !given ? Reset(call, portion, x, h, source) : source;
            for (int u = 0; u < s.Hidden; u++) y[u] = s.Cell == RecurrentCell.Lstm
                ? Lstm(call, d, u, x, source, ref call.Cell[(nint)portion * s.Hidden + u])
                : Gru(call, d, u, x, source, reset, given && two ? update[u] : Sigmoid(Gate(call, d, 0, u, x, source)), h[u]);
        }
    }

    private static float Lstm(in RecurrentFloat32Call call, int d, int u, float* x, float* h, ref float cell)
    {
        float i = Gate(call, d, 0, u, x, h), o = Gate(call, d, 1, u, x, h), f = Gate(call, d, 2, u, x, h), g = Gate(call, d, 3, u, x, h);
        cell = Math.Clamp(Sigmoid(f) * cell + Sigmoid(i) * MathF.Tanh(g), -call.CellClip, call.CellClip);
        return Sigmoid(o) * MathF.Tanh(cell);
    }

    private static float Gru(in RecurrentFloat32Call call, int d, int u, float* x, float* h, float* reset, float z, float last)
    {
        float n = x[2 * call.Shape.Hidden + u], recurrent = Recurrent(call, d, 2, u, reset);
        n += call.Shape.Cell == RecurrentCell.GruResetAfter ? Sigmoid(Gate(call, d, 1, u, x, h)) * recurrent : recurrent;
        return (1 - z) * MathF.Tanh(Math.Clamp(n, -call.Clip, call.Clip)) + z * last;
    }

    /// <summary>r·h, projected.</summary>
    private static float* Reset(in RecurrentFloat32Call call, int portion, float* x, float* h, float* source)
    {
        int hidden = call.Shape.Hidden;
        float* reset = (float*)call.Scratch + (nint)portion * hidden;
        for (int k = 0; k < hidden; k++) reset[k] = Sigmoid(Gate(call, portion / call.Shape.Batch, 1, k, x, source)) * h[k];
        if (call.Shape.Rank == 0) return reset;
        // The gates of z are still to read what the state itself is projected to.
        float* own = (float*)call.Scratch + (nint)(call.Shape.Directions * call.Shape.Batch + portion) * hidden;
        return Project(call, portion, reset, own);
    }

    /// <summary>R2·h, or h itself where R is whole.</summary>
    private static float* Project(in RecurrentFloat32Call call, int portion, float* h)
    {
        RecurrentCellShape s = call.Shape;
        nint states = s.Cell == RecurrentCell.GruResetBefore ? 2 * s.Directions * s.Batch * s.Hidden : 0;
        return s.Rank == 0 ? h : Project(call, portion, h, (float*)call.Scratch + states + (nint)portion * s.Rank);
    }

    private static float* Project(in RecurrentFloat32Call call, int portion, float* h, float* to)
    {
        RecurrentCellShape s = call.Shape;
        float* second = (float*)call.Packed + (nint)s.Directions * s.Gates * s.Hidden * s.Rank + (nint)(portion / s.Batch) * s.Rank * s.Hidden;
        for (int r = 0; r < s.Rank; r++, second += s.Hidden)
        {
            float sum = 0;
            for (int k = 0; k < s.Hidden; k++) sum += second[k] * h[k];
            to[r] = sum;
        }
        return to;
    }

    private static float Gate(in RecurrentFloat32Call call, int d, int gate, int u, float* x, float* h) =>
        Math.Clamp(x[gate * call.Shape.Hidden + u] + Recurrent(call, d, gate, u, h), -call.Clip, call.Clip);

    /// <summary>What the state, or its product where that is given, contributes to a gate.</summary>
    private static float Recurrent(in RecurrentFloat32Call call, int d, int gate, int u, float* h)
    {
        RecurrentCellShape s = call.Shape;
        if (s.IsProductGiven) return h[(gate < s.Together ? gate : 0) * s.Hidden + u];
        nint rows = s.Directions * s.Gates * s.Hidden, row = (d * s.Gates + gate) * s.Hidden + u;
        float* weights = (float*)call.Packed;
        float sum = weights[rows * s.Depth + s.Directions * s.Rank * s.Hidden + row];
        for (int k = 0; k < s.Depth; k++) sum += weights[row * s.Depth + k] * h[k];
        return sum;
    }

    private static float Sigmoid(float x) => 1 / (1 + MathF.Exp(-x));
}
