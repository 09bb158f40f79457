using EdgeRuntime.Tensors;

namespace EdgeRuntime.Kernels;

/// <summary>
/// The constants of a quantised recurrent layer. Weights are symmetric; with x the input, h the hidden state (int8, y's own
/// quantisation), and gates in steps of 2^-12:
/// <code>
/// p[o] = saturate16(Requantize.Scale(Bias[o] + Σ (x − InputZeroPoint) · w[o], InputMultipliers[o], InputShifts[o]))
/// q[o] = saturate16(Requantize.Scale(RecurrentBias[o] + Σ (h − HiddenZeroPoint) · r[o], RecurrentMultipliers[o], RecurrentShifts[o]))
/// gate = clamp(saturate16(p + q), ±GateClip)
/// LSTM:  c' = clamp(saturate16(σ(f)∘c + round(σ(i)·tanh(g) · 2^-30 / 2^CellExponent)), ±CellClip),  s' = σ(o)∘tanh(c')
/// GRU:   s' = saturate16((32768 − σ(z))∘tanh(n) + σ(z)∘s)
///        n  = p + σ(r)∘q (reset after), or q computed from the int8 form of σ(r)∘s (reset before)
/// h' = clamp(Requantize.Scale(s', HiddenMultiplier, 0) + HiddenZeroPoint, −128, 127)
/// </code>
/// s and the functions' results are in steps of 2^-15; ∘, σ and tanh as in <see cref="GateFunctions"/>. (The LSTM is TensorFlow
/// Lite's, whose 16-bit cells it agrees with to a step.) The caller guarantees that no sum, shifted left, reaches 2^30.
/// </summary>
public sealed class RecurrentInt8Parameters
{
    /// <summary>Zero points, −128 to 127.</summary>
    public required int InputZeroPoint { get; init; }

    /// <summary>Zero point of y, thus of h.</summary>
    public required int HiddenZeroPoint { get; init; }

    /// <summary>Biases [D·G·H].</summary>
    public required int[] Bias { get; init; }

    /// <summary>Biases of the recurrent sums [D·G·H].</summary>
    public required int[] RecurrentBias { get; init; }

    /// <summary>Q31 multipliers [D·G·H].</summary>
    public required int[] InputMultipliers { get; init; }

    /// <summary>Left shifts of the sums [D·G·H].</summary>
    public required int[] InputShifts { get; init; }

    /// <summary>Q31 multipliers of the recurrent sums [D·G·H].</summary>
    public required int[] RecurrentMultipliers { get; init; }

    /// <summary>Left shifts of the recurrent sums [D·G·H].</summary>
    public required int[] RecurrentShifts { get; init; }

    /// <summary>2^-15 over the scale of y, a Q31 multiplier below 1.</summary>
    public required int HiddenMultiplier { get; init; }

    /// <summary>The cell's scale is 2^this; −15 to 0.</summary>
    public int CellExponent { get; init; } = -GateFunctions.GateBits;

    /// <summary>Bound of gates, in steps of 2^-12.</summary>
    public int GateClip { get; init; } = short.MaxValue;

    /// <summary>Bound of the cell, in its steps.</summary>
    public int CellClip { get; init; } = short.MaxValue;

    /// <summary>A call with all constants that are not packed; its pointers are still to be set.</summary>
    public RecurrentInt8Call Call(in RecurrentCellShape shape) => new()
    {
        Shape = shape,
        InputZeroPoint = InputZeroPoint,
        HiddenZeroPoint = HiddenZeroPoint,
        HiddenMultiplier = HiddenMultiplier,
        CellExponent = CellExponent,
        GateClip = GateClip,
        CellClip = CellClip,
    };

    /// <summary>The constants of a layer from its scales: <paramref name="x"/> of the input, <paramref name="y"/> of output and hidden state, both for the whole tensor.</summary>
    /// <param name="rows">D·G·H.</param>
    /// <param name="x">The input's quantisation.</param>
    /// <param name="y">The output's.</param>
    /// <param name="input">W.</param>
    /// <param name="recurrent">R.</param>
    /// <param name="bias">Real biases as integers with scales of their own; null for none.</param>
    /// <param name="recurrentBias">Those of the recurrent sums.</param>
    /// <param name="cellExponent">The cell's scale is 2^this.</param>
    /// <param name="clip">Bound of gates; 0 for none.</param>
    /// <param name="cellClip">Bound of the cell; 0 for none.</param>
    /// <exception cref="ArgumentOutOfRangeException">Scales give a factor of 2^24 or more, or the output's scale is 2^-15 or less.</exception>
    public static RecurrentInt8Parameters From(int rows, QuantizationParameters x, QuantizationParameters y, Int8Weights input, Int8Weights recurrent,
        (int[] Values, QuantizationParameters Scales)? bias, (int[] Values, QuantizationParameters Scales)? recurrentBias, int cellExponent, float clip, float cellClip)
    {
        double hidden = 1.0 / (1 << 15) / y.Scale;
        if (!(hidden < 1)) throw new ArgumentOutOfRangeException(nameof(y), $"the output's scale {y.Scale} is not above 2^-15");
        FixedPointMultiplier[] w = Factors(x, input, rows), r = Factors(y, recurrent, rows);
        return new RecurrentInt8Parameters
        {
            InputZeroPoint = x.ZeroPoint,
            HiddenZeroPoint = y.ZeroPoint,
            Bias = Biases(bias, x, input, rows),
            InputMultipliers = Array.ConvertAll(w, m => m.Multiplier),
            InputShifts = Array.ConvertAll(w, m => m.Shift),
            RecurrentBias = Biases(recurrentBias, y, recurrent, rows),
            RecurrentMultipliers = Array.ConvertAll(r, m => m.Multiplier),
            RecurrentShifts = Array.ConvertAll(r, m => m.Shift),
            HiddenMultiplier = FixedPointMultiplier.From(hidden).Multiplier,
            CellExponent = cellExponent,
            GateClip = Bound(clip, -GateFunctions.GateBits),
            CellClip = Bound(cellClip, cellExponent),
        };
    }

    private static int Bound(float bound, int exponent) => bound > 0 ? (int)Math.Clamp(Math.Round(Math.ScaleB(bound, -exponent)), 1, short.MaxValue) : short.MaxValue;

    // What brings the sums of each row to steps of 2^-12.
    private static FixedPointMultiplier[] Factors(QuantizationParameters x, Int8Weights w, int rows) =>
        [.. Enumerable.Range(0, rows).Select(o => FixedPointMultiplier.From((double)x.Scale * w.Scale(o) * (1 << GateFunctions.GateBits)))];

    // In units of x scale · weight scale; those stored with other scales are converted. What no int32 holds is refused with all that exceeds the accumulator.
    private static int[] Biases((int[] Values, QuantizationParameters Scales)? stored, QuantizationParameters x, Int8Weights w, int rows)
    {
        if (stored is not { } given) return new int[rows];
        (int[] bias, QuantizationParameters q) = ([.. given.Values], given.Scales);
        for (int o = 0; o < rows; o++)
        {
            double ratio = q.Scales[q.IsPerTensor ? 0 : o] / ((double)x.Scale * w.Scale(o));
            if (Math.Abs(ratio - 1) > 1e-4) bias[o] = (int)Math.Clamp(Math.Round(bias[o] * ratio), -int.MaxValue, int.MaxValue);
        }
        return bias;
    }
}

/// <summary>One execution of a quantised recurrent layer. All pointers are valid for the extents that the shape implies.</summary>
public unsafe struct RecurrentInt8Call
{
    /// <summary>Sizes.</summary>
    public RecurrentCellShape Shape;

    /// <summary>Constants that are not in <see cref="Packed"/>.</summary>
    public int InputZeroPoint, HiddenZeroPoint, HiddenMultiplier, CellExponent, GateClip, CellClip;

    /// <summary>What <see cref="RecurrentInt8Kernel.Pack"/> wrote, 64-byte aligned.</summary>
    public byte* Packed;

    /// <summary>Steps of each sequence [N], or null where all have T.</summary>
    public int* Lengths;

    /// <summary>Input [T,N,I].</summary>
    public sbyte* Input;

    /// <summary>The hidden state before the first step [D,N,H]; only read.</summary>
    public sbyte* Hidden;

    /// <summary>The LSTM's cell or the GRU's state, [D·N] rows of <see cref="RecurrentInt8Kernel.StateRow"/>; read and written.</summary>
    public short* State;

    /// <summary>Hidden states [T,N,D·H].</summary>
    public sbyte* Output;

    /// <summary><see cref="RecurrentInt8Kernel.ScratchBytes"/> bytes shared by all workers, 64-byte aligned, contents undefined.</summary>
    public byte* Scratch;
}

/// <summary>
/// Quantised LSTM and GRU layers: stage 0 multiplies the inputs of all steps with W, then come
/// <see cref="RecurrentCellShape.Stages"/> stages. The portions of one stage may run on any worker.
/// </summary>
public abstract class RecurrentInt8Kernel : Kernel
{
    /// <summary>Whether this kernel can do it.</summary>
    public virtual bool Supports(in RecurrentCellShape shape, RecurrentInt8Weights weights) => true;

    /// <summary>Estimated cost in cycles of a typical core of the required instruction set; the catalog takes the least.</summary>
    public abstract double EstimateCycles(in RecurrentCellShape shape, RecurrentInt8Weights weights);

    /// <summary>Bytes that <see cref="Pack"/> writes.</summary>
    public abstract long PackedBytes(in RecurrentCellShape shape, RecurrentInt8Weights weights);

    /// <summary>Brings weights and constants to this kernel's layout.</summary>
    public abstract void Pack(in RecurrentCellShape shape, RecurrentInt8Parameters parameters, RecurrentInt8Weights weights, Span<byte> destination);

    /// <summary>Elements of a row of <see cref="RecurrentInt8Call.State"/>: H, rounded up.</summary>
    public abstract int StateRow(in RecurrentCellShape shape);

    /// <summary>Bytes of scratch for one execution on <paramref name="workers"/> workers.</summary>
    public abstract long ScratchBytes(in RecurrentCellShape shape, int workers);

    /// <summary>Into how many portions a stage divides.</summary>
    public abstract int Portions(in RecurrentCellShape shape, int stage);

    /// <summary>Computes portions [<paramref name="first"/>, <paramref name="end"/>) of a stage as worker number <paramref name="worker"/>.</summary>
    public abstract void Run(in RecurrentInt8Call call, int stage, int first, int end, int worker);
}
