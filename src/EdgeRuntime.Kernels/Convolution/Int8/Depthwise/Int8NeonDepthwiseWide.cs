using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static System.Runtime.Intrinsics.Arm.AdvSimd;

namespace EdgeRuntime.Kernels;

/// <summary>The loop of <see cref="ConvolutionInt8NeonDepthwise"/> for any window and weights of 16 bits: eight channels along one output row.</summary>
internal static unsafe class Int8NeonDepthwiseWide
{
    /// <summary>Two outputs at a time; a last single one is computed twice.</summary>
    public static void Run(in Int8NeonDepthwiseRow t)
    {
        Epilogue e = new(t);
        nint step = (nint)t.StrideX * t.Channels, columnStep = t.ColumnStep;
        int kernelWidth = t.KernelWidth;
        for (int line = 0; line < t.Rows; line++)
        {
            sbyte* x = t.Input + line * t.InputPitch, y = t.Output + line * t.OutputPitch;
            for (int left = t.Width; left > 0; left -= 2, x += 2 * step, y += 2 * t.Channels)
            {
                Vector128<int> low0 = e.Bias0, high0 = e.Bias1, low1 = e.Bias0, high1 = e.Bias1;
                short* w = (short*)(t.Packed + 64);
                nint next = left > 1 ? step : 0;
                for (int row = 0; row < t.KernelHeight; row++)
                {
                    sbyte* p = x + row * t.RowStep;
                    for (int column = kernelWidth; column > 0; column--, p += columnStep, w += 8)
                    {
                        Vector128<short> weights = LoadVector128(w), u = SignExtendWideningLower(LoadVector64(p)), v = SignExtendWideningLower(LoadVector64(p + next));
                        high0 = MultiplyWideningUpperAndAdd(high0, u, weights);
                        high1 = MultiplyWideningUpperAndAdd(high1, v, weights);
                        Vector64<short> lower = weights.GetLower();
                        low0 = MultiplyWideningLowerAndAdd(low0, u.GetLower(), lower);
                        low1 = MultiplyWideningLowerAndAdd(low1, v.GetLower(), lower);
                    }
                }
                e.Store(y, low0, high0);
                e.Store(left > 1 ? y + t.Channels : y, low1, high1);
            }
        }
    }

    /// <summary>Requantises and stores eight channels.</summary>
    private readonly struct Epilogue
    {
        public readonly Vector128<int> Bias0, Bias1;
        private readonly Vector128<int> _multiplier0, _multiplier1, _shift;
        private readonly Vector128<short> _zeroPoint;
        private readonly Vector64<sbyte> _min, _max;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Epilogue(in Int8NeonDepthwiseRow t)
        {
            int* p = (int*)t.Packed;
            (Bias0, Bias1, _multiplier0, _multiplier1) = (LoadVector128(p), LoadVector128(p + 4), LoadVector128(p + 8), LoadVector128(p + 12));
            (_shift, _zeroPoint) = (Vector128.Create(t.Shift), Vector128.Create((short)t.OutputZeroPoint));
            (_min, _max) = (Vector64.Create((sbyte)t.Min), Vector64.Create((sbyte)t.Max));
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Store(sbyte* y, Vector128<int> low, Vector128<int> high) =>
            System.Runtime.Intrinsics.Arm.AdvSimd.Store(y, Min(Max(NeonRequantize.Narrow(NeonRequantize.Scale(low, _multiplier0, _shift), NeonRequantize.Scale(high, _multiplier1, _shift), _zeroPoint), _min), _max));
    }
}
