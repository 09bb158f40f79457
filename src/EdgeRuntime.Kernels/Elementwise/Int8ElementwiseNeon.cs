using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static System.Runtime.Intrinsics.Arm.AdvSimd;

namespace EdgeRuntime.Kernels;

/// <summary>Int8 operators of two operands, 16 elements at a time.</summary>
internal static unsafe class Int8ElementwiseNeon
{
    private const int Width = 16;

    /// <summary>An operator of two vectors; its fields hold the constants.</summary>
    internal interface IOperator
    {
        Vector128<sbyte> Apply(Vector128<sbyte> a, Vector128<sbyte> b);
    }

    /// <summary>Whole vectors, then the rest through a buffer. The output may be one of the inputs.</summary>
    public static void Run<TOperator>(in TOperator op, sbyte* a, int stepA, sbyte* b, int stepB, sbyte* y, long count) where TOperator : struct, IOperator
    {
        if (count <= 0) return;
        sbyte* buffer = stackalloc sbyte[3 * Width];
        if (stepA == 0)
        {
            Store(buffer, LoadAndReplicateToVector128(a));
            a = buffer;
        }
        if (stepB == 0)
        {
            Store(buffer + Width, LoadAndReplicateToVector128(b));
            b = buffer + Width;
        }
        TOperator local = op;
        for (; count >= Width; count -= Width, a += stepA * Width, b += stepB * Width, y += Width)
            Store(y, local.Apply(LoadVector128(a), LoadVector128(b)));
        if (count == 0) return;
        new ReadOnlySpan<sbyte>(a, (int)count).CopyTo(new Span<sbyte>(buffer, Width));
        new ReadOnlySpan<sbyte>(b, (int)count).CopyTo(new Span<sbyte>(buffer + Width, Width));
        Store(buffer + 2 * Width, local.Apply(LoadVector128(buffer), LoadVector128(buffer + Width)));
        new ReadOnlySpan<sbyte>(buffer + 2 * Width, (int)count).CopyTo(new Span<sbyte>(y, (int)count));
    }

    /// <summary>
    /// Offset + a·Ma + b·Mb by MLA, exact in 32 bits, shifted by SSHL; then narrowed with saturation, which only moves values
    /// that the clamp to 8 bits moves to the same end.
    /// </summary>
    internal readonly struct Adder(in AddInt8Parameters p) : IOperator
    {
        private readonly Vector128<int> _factorA = Vector128.Create(p.MultiplierA), _factorB = Vector128.Create(p.MultiplierB);
        private readonly Vector128<int> _offset = Vector128.Create(p.Offset), _shift = Vector128.Create(-p.Shift);
        private readonly Vector128<short> _zero = Vector128.Create((short)p.OutputZeroPoint);
        private readonly Vector128<sbyte> _min = Vector128.Create((sbyte)p.Min), _max = Vector128.Create((sbyte)p.Max);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector128<sbyte> Apply(Vector128<sbyte> a, Vector128<sbyte> b)
        {
            Vector128<short> high = Half(SignExtendWideningUpper(a), SignExtendWideningUpper(b));
            Vector128<short> low = Half(SignExtendWideningLower(a.GetLower()), SignExtendWideningLower(b.GetLower()));
            return NeonRequantize.Clamp(ExtractNarrowingSaturateUpper(ExtractNarrowingSaturateLower(low), high), _min, _max);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private Vector128<short> Half(Vector128<short> a, Vector128<short> b)
        {
            Vector128<int> high = Sum(SignExtendWideningUpper(a), SignExtendWideningUpper(b));
            Vector128<int> low = Sum(SignExtendWideningLower(a.GetLower()), SignExtendWideningLower(b.GetLower()));
            return AddSaturate(ExtractNarrowingSaturateUpper(ExtractNarrowingSaturateLower(low), high), _zero);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private Vector128<int> Sum(Vector128<int> a, Vector128<int> b) =>
            ShiftArithmetic(MultiplyAdd(MultiplyAdd(_offset, a, _factorA), b, _factorB), _shift);
    }

    /// <summary>The differences have 9 bits, their product 18.</summary>
    internal readonly struct Multiplier(in MulInt8Parameters p) : IOperator
    {
        private readonly Vector128<sbyte> _zeroA = Vector128.Create((sbyte)p.ZeroA), _zeroB = Vector128.Create((sbyte)p.ZeroB);
        private readonly Vector128<int> _factor = Vector128.Create(p.Factor.Multiplier), _shift = Vector128.Create(p.Factor.Shift);
        private readonly Vector128<short> _zero = Vector128.Create((short)p.OutputZeroPoint);
        private readonly Vector128<sbyte> _min = Vector128.Create((sbyte)p.Min), _max = Vector128.Create((sbyte)p.Max);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector128<sbyte> Apply(Vector128<sbyte> a, Vector128<sbyte> b)
        {
            Vector64<sbyte> low = Half(SubtractWideningLower(a.GetLower(), _zeroA.GetLower()), SubtractWideningLower(b.GetLower(), _zeroB.GetLower()));
            Vector64<sbyte> high = Half(SubtractWideningUpper(a, _zeroA), SubtractWideningUpper(b, _zeroB));
            return NeonRequantize.Clamp(Vector128.Create(low, high), _min, _max);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private Vector64<sbyte> Half(Vector128<short> a, Vector128<short> b) => NeonRequantize.Narrow(
            NeonRequantize.Scale(MultiplyWideningLower(a.GetLower(), b.GetLower()), _factor, _shift),
            NeonRequantize.Scale(MultiplyWideningUpper(a, b), _factor, _shift), _zero);
    }
}
