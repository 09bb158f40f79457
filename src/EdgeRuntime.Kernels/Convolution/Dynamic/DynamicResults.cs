using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels;

/// <summary>What becomes of the sums of a row that was quantised while running.</summary>
internal static unsafe class DynamicResults
{
    /// <summary>
    /// Stores <paramref name="count"/> results of a row from output channel <paramref name="channel"/> on: of its sums, and of the channels' sums of weights times what the
    /// row's elements were multiplied above their value.
    /// </summary>
    public static void Store(in ConvolutionDynamicCall call, int row, int channel, int* sums, int* weights, int zero, int count)
    {
        float scale = call.RowScales[row * call.RowStep];
        float* y = call.Output + (long)row * call.Integers.Shape.OutChannels + channel, scales = call.Scales + channel, bias = call.Bias + channel;
        bool isClamped = call.Min > float.NegativeInfinity || call.Max < float.PositiveInfinity;
        int c = 0;
        for (; c + Vector256<int>.Count <= count; c += Vector256<int>.Count)
        {
            Vector256<int> sum = Vector256.Load(sums + c) - Vector256.Load(weights + c) * zero;
            Vector256<float> product = Vector256.ConvertToSingle(sum) * (Vector256.Load(scales + c) * scale);
            product += Vector256.Load(bias + c);
            if (isClamped) product = Vector256.Min(Vector256.Max(product, Vector256.Create(call.Min)), Vector256.Create(call.Max));
            product.Store(y + c);
        }
        for (; c < count; c++)
        {
            float product = (sums[c] - zero * weights[c]) * (scale * scales[c]);
            y[c] = Math.Min(Math.Max(product + bias[c], call.Min), call.Max);
        }
    }
}
