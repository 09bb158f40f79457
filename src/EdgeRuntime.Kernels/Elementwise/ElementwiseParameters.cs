using EdgeRuntime.Tensors;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Quantised addition y = a·fa + b·fb with 21-bit factors and one rounding:
/// <code>q = clamp(((a·MultiplierA + b·MultiplierB + Offset) >> Shift) + OutputZeroPoint, Min, Max)</code>
/// |M| ≤ 2^20, so |a·Ma + b·Mb| ≤ 2^28 and |Offset| ≤ 2^28 + 2^29, and 32 bits hold the sum. Subtraction has a negative fb.
/// Fewer bits would do for accuracy, but would break ties differently from exact arithmetic in one output of a few hundred.
/// </summary>
public readonly record struct AddInt8Parameters(int MultiplierA, int MultiplierB, int Offset, int Shift, int OutputZeroPoint, int Min, int Max)
{
    /// <summary>Largest magnitude of a multiplier.</summary>
    public const int LargestMultiplier = 1 << 20;

    /// <summary>Derives the integers from real factors fa = sa/sy and fb = ±sb/sy, each below 2^20 in magnitude.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A factor is too large, or both are 0.</exception>
    public static AddInt8Parameters From(double factorA, int zeroA, double factorB, int zeroB, int outputZero, int min, int max)
    {
        double largest = Math.Max(Math.Abs(factorA), Math.Abs(factorB));
        if (!(largest > 0 && largest < LargestMultiplier)) throw new ArgumentOutOfRangeException(nameof(factorA), largest, "an addition's factor must be in (0, 2^20)");
        int shift = 0;
        while (shift < 30 && Math.Round(largest * (1L << (shift + 1))) <= LargestMultiplier) shift++;
        int ma = (int)Math.Round(factorA * (1L << shift)), mb = (int)Math.Round(factorB * (1L << shift));
        int half = shift == 0 ? 0 : 1 << (shift - 1);
        return new AddInt8Parameters(ma, mb, half - zeroA * ma - zeroB * mb, shift, outputZero, min, max);
    }

    /// <summary>The sum of two elements.</summary>
    public int Apply(int a, int b) => Math.Clamp(((a * MultiplierA + b * MultiplierB + Offset) >> Shift) + OutputZeroPoint, Min, Max);
}

/// <summary>
/// Quantised multiplication: q = clamp(Requantize.Scale((a − ZeroA)·(b − ZeroB), Multiplier, Shift) + OutputZeroPoint, Min, Max).
/// </summary>
public readonly record struct MulInt8Parameters(int ZeroA, int ZeroB, FixedPointMultiplier Factor, int OutputZeroPoint, int Min, int Max)
{
    /// <summary>The product of two elements.</summary>
    public int Apply(int a, int b) => Requantize.Apply((a - ZeroA) * (b - ZeroB), Factor.Multiplier, Factor.Shift, OutputZeroPoint, Min, Max);
}

/// <summary>
/// Quantised average of <c>count</c> taps: q = clamp(Requantize.ScaleHalfEven(Σ q − count·InputZeroPoint, Factor) +
/// OutputZeroPoint, Min, Max), with Factor = sx / (sy·count).
/// </summary>
public readonly record struct AverageInt8Parameters(int InputZeroPoint, FixedPointMultiplier Factor, int OutputZeroPoint, int Min, int Max)
{
    /// <summary>The average, from the sum of q − InputZeroPoint.</summary>
    public int Apply(int sum) => Math.Clamp(Requantize.ScaleHalfEven(sum, Factor.Multiplier, Factor.Shift) + OutputZeroPoint, Min, Max);
}

/// <summary>
/// Quantised softmax over int8: t[d] = round(2^23 · exp(−beta · sx · d)) for d = max − q in 0..255, then with r = round(256 / sy)
/// <code>q = clamp(floor((2 · t · r + 256 · Σt) / (512 · Σt)) + OutputZeroPoint, −128, 127)</code>
/// in 64-bit integers, so that every processor gives the same result.
/// </summary>
public sealed class SoftmaxInt8Parameters
{
    /// <summary>Builds the table.</summary>
    public SoftmaxInt8Parameters(double beta, double inputScale, double outputScale, int outputZeroPoint)
    {
        for (int d = 0; d < 256; d++) Table[d] = (int)Math.Round((1 << 23) * Math.Exp(-beta * inputScale * d));
        InverseScale = (int)Math.Round(256 / outputScale);
        OutputZeroPoint = outputZeroPoint;
    }

    /// <summary>t, 256 entries.</summary>
    public int[] Table { get; } = new int[256];

    /// <summary>r.</summary>
    public int InverseScale { get; }

    /// <summary>Zero point of the output.</summary>
    public int OutputZeroPoint { get; }
}

/// <summary>Float operators of two operands.</summary>
public enum BinaryOperation
{
    /// <summary>a + b.</summary>
    Add,

    /// <summary>a − b.</summary>
    Sub,

    /// <summary>a · b.</summary>
    Mul,

    /// <summary>a / b.</summary>
    Div,

    /// <summary>max(a, b); NaN where either is NaN.</summary>
    Maximum,

    /// <summary>min(a, b); NaN where either is NaN.</summary>
    Minimum,
}

/// <summary>What <see cref="ElementwiseKernel.Apply"/> computes of one float.</summary>
public enum FloatFunction
{
    /// <summary>1 / (1 + exp(−x)).</summary>
    Sigmoid,

    /// <summary>Hyperbolic tangent.</summary>
    Tanh,

    /// <summary>Square root.</summary>
    Sqrt,

    /// <summary>|x|.</summary>
    Abs,

    /// <summary>e^x up to x = 88, and e^88 above; 0 below −87.3.</summary>
    Exp,

    /// <summary>Natural logarithm.</summary>
    Log,

    /// <summary>x where positive, alpha · x elsewhere.</summary>
    LeakyRelu,

    /// <summary>x · clamp(x / 6 + ½, 0, 1).</summary>
    HardSwish,
}
