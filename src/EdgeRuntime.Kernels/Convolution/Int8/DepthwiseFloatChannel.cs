using EdgeRuntime.Tensors;

namespace EdgeRuntime.Kernels;

/// <summary>How floats compute a channel of a depthwise convolution exactly.</summary>
/// <param name="WeightZero">The weights' zero point.</param>
/// <param name="Factor">What weights, less that, are multiplied by.</param>
/// <param name="Bias">The bias, less what the input's zero point adds to sums, times the factor.</param>
/// <param name="Scale">What makes an output of the sum, less its zero point.</param>
internal readonly record struct DepthwiseFloatChannel(int WeightZero, int Factor, float Bias, float Scale)
{
    /// <summary>Each channel; null if one can't be. Kept with the parameters, as support and contents ask for it.</summary>
    public static DepthwiseFloatChannel[]? All(ConvolutionInt8Parameters p)
    {
        DepthwiseFloatChannel[] channels = p.Derived(Describe);
        return channels.Length == 0 ? null : channels;
    }

    private static DepthwiseFloatChannel[] Describe(ConvolutionInt8Parameters p)
    {
        DepthwiseFloatChannel[] channels = new DepthwiseFloatChannel[p.Bias.Length];
        for (int c = 0; c < channels.Length; c++)
            if (!TryDescribe(p, c, out channels[c])) return [];
        return channels;
    }

    private static bool TryDescribe(ConvolutionInt8Parameters p, int c, out DepthwiseFloatChannel channel)
    {
        int sum = 0, magnitude = 0, zero = p.WeightZeroPoints.Length == 0 ? 0 : p.WeightZeroPoints[c], taps = p.Weights.Length / p.Bias.Length;
        foreach (sbyte w in p.Weights.Span.Slice(c * taps, taps))
        {
            sum += w - zero;
            magnitude += Math.Abs(w - zero);
        }
        // What does not depend on the input is its own result; beyond ±1024 the clamp decides.
        channel = new(zero, 1, Math.Clamp(Requantize.Scale(p.Bias[c], p.Multipliers[c], p.Shift), -1024, 1024), 1);
        if (magnitude == 0) return true;
        long bias = p.Bias[c] - (long)p.InputZeroPoint * sum, reach = Math.Abs(bias) + 128L * magnitude;
        if (!ExactFloatScale.TryFind(p.Multipliers[c], p.Shift, reach, p.OutputZeroPoint, p.Min, p.Max, out ExactFloatScale found)) return false;
        channel = new(zero, found.Factor, found.Factor * bias, found.Scale);
        return true;
    }
}
