using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Kernels;

/// <summary>Requantisation of whole panels of sums, the bias added.</summary>
internal static unsafe class Int4Requantize
{
    /// <summary>One by one.</summary>
    public static void Scalar(in ConvolutionInt8Tile tile, in ConvolutionInt8Call call)
    {
        for (int r = 0; r < tile.Rows; r++)
            for (int c = 0; c < tile.Columns; c++)
                tile.Output[(long)r * tile.OutputStride + c] = (sbyte)Requantize.Apply(
                    tile.Accumulators[r * tile.PaddedColumns + c] + tile.Bias[c], tile.Multipliers[c], call.Shift, call.OutputZeroPoint, call.Min, call.Max);
    }

    /// <summary>By <see cref="RequantizeAvx2"/>, which takes doubled sums.</summary>
    public static void Avx2(in ConvolutionInt8Tile tile, in ConvolutionInt8Call call)
    {
        if (call.Shift != 0)
        {
            Scalar(tile, call);
            return;
        }
        for (int r = 0; r < tile.Rows; r++)
            for (int c = 0; c < tile.PaddedColumns; c += Vector256<int>.Count)
            {
                int* sums = tile.Accumulators + r * tile.PaddedColumns + c;
                Vector256<int> sum = Vector256.Load(sums) + Vector256.Load(tile.Bias + c);
                (sum + sum).Store(sums);
            }
        RequantizeAvx2.Tile(tile, call);
    }

    /// <summary>Eight columns at a time.</summary>
    public static void Neon(in ConvolutionInt8Tile tile, in ConvolutionInt8Call call)
    {
        Vector128<int> shift = Vector128.Create(call.Shift);
        Vector128<short> zero = Vector128.Create((short)call.OutputZeroPoint);
        Vector64<sbyte> min = Vector64.Create((sbyte)call.Min), max = Vector64.Create((sbyte)call.Max);
        for (int r = 0; r < tile.Rows; r++)
            for (int c = 0; c < tile.Columns; c += 8)
            {
                int* sums = tile.Accumulators + r * tile.PaddedColumns + c, bias = tile.Bias + c, multipliers = tile.Multipliers + c;
                Vector128<int> low = NeonRequantize.Scale(AdvSimd.LoadVector128(sums) + AdvSimd.LoadVector128(bias), AdvSimd.LoadVector128(multipliers), shift);
                Vector128<int> high = NeonRequantize.Scale(AdvSimd.LoadVector128(sums + 4) + AdvSimd.LoadVector128(bias + 4), AdvSimd.LoadVector128(multipliers + 4), shift);
                Vector64<sbyte> bytes = AdvSimd.Min(AdvSimd.Max(NeonRequantize.Narrow(low, high, zero), min), max);
                sbyte* y = tile.Output + (long)r * tile.OutputStride + c;
                if (c + 8 <= tile.Columns) AdvSimd.Store(y, bytes);
                else
                    for (int i = 0; c + i < tile.Columns; i++) y[i] = bytes[i];
            }
    }
}
