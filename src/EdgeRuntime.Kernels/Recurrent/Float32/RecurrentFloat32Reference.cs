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
        2.0 * shape.Steps * shape.Batch * shape.Directions * shape.Gates * shape.Hidden * (shape.Hidden + 50);

    /// <inheritdoc/>
    public override long PackedBytes(in RecurrentCellShape shape) => (long)shape.Directions * shape.Gates * shape.Hidden * (shape.Hidden + 1) * sizeof(float);

    /// <inheritdoc/>
    public override void Pack(in RecurrentCellShape shape, ReadOnlySpan<float> weights, ReadOnlySpan<float> bias, Span<byte> destination)
    {
        Span<float> packed = MemoryMarshal.Cast<byte, float>(destination);
        weights.CopyTo(packed);
        packed[weights.Length..].Clear();
        bias.CopyTo(packed[weights.Length..]);
    }

    /// <inheritdoc/>
    public override int Portions(in RecurrentCellShape shape, int stage) => shape.Directions * shape.Batch;

    /// <inheritdoc/>
    public override void Run(in RecurrentFloat32Call call, int stage, int first, int end)
    {
        RecurrentCellShape s = call.Shape;
        bool two = s.Cell == RecurrentCell.GruResetBefore;
        int step = two ? stage / 2 : stage;
        if (two && stage % 2 == 0) return; // both halves at once, in the second
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
            for (int u = 0; u < s.Hidden; u++) y[u] = s.Cell == RecurrentCell.Lstm
                ? Lstm(call, d, u, x, h, ref call.Cell[(nint)portion * s.Hidden + u]) : Gru(call, d, u, x, h);
        }
    }

    private static float Lstm(in RecurrentFloat32Call call, int d, int u, float* x, float* h, ref float cell)
    {
        float i = Gate(call, d, 0, u, x, h), o = Gate(call, d, 1, u, x, h), f = Gate(call, d, 2, u, x, h), g = Gate(call, d, 3, u, x, h);
        cell = Math.Clamp(Sigmoid(f) * cell + Sigmoid(i) * MathF.Tanh(g), -call.CellClip, call.CellClip);
        return Sigmoid(o) * MathF.Tanh(cell);
    }

    private static float Gru(in RecurrentFloat32Call call, int d, int u, float* x, float* h)
    {
        int hidden = call.Shape.Hidden;
        float z = Sigmoid(Gate(call, d, 0, u, x, h)), n = x[2 * hidden + u];
        if (call.Shape.Cell == RecurrentCell.GruResetAfter) n += Sigmoid(Gate(call, d, 1, u, x, h)) * Recurrent(call, d, 2, u, h);
        else
        {
            float* reset = stackalloc float[hidden];
            for (int k = 0; k < hidden; k++) reset[k] = Sigmoid(Gate(call, d, 1, k, x, h)) * h[k];
            n += Recurrent(call, d, 2, u, reset);
        }
        return (1 - z) * MathF.Tanh(Math.Clamp(n, -call.Clip, call.Clip)) + z * h[u];
    }

    private static float Gate(in RecurrentFloat32Call call, int d, int gate, int u, float* x, float* h) =>
        Math.Clamp(x[gate * call.Shape.Hidden + u] + Recurrent(call, d, gate, u, h), -call.Clip, call.Clip);

    private static float Recurrent(in RecurrentFloat32Call call, int d, int gate, int u, float* h)
    {
        RecurrentCellShape s = call.Shape;
        nint rows = s.Directions * s.Gates * s.Hidden, row = (d * s.Gates + gate) * s.Hidden + u;
        float* weights = (float*)call.Packed;
        float sum = weights[rows * s.Hidden + row];
        for (int k = 0; k < s.Hidden; k++) sum += weights[row * s.Hidden + k] * h[k];
        return sum;
    }

    private static float Sigmoid(float x) => 1 / (1 + MathF.Exp(-x));
}
