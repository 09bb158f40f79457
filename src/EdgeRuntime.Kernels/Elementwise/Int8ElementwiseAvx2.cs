using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRuntime.Kernels;

/// <summary>Int8 operators of two operands, 32 elements at a time.</summary>
internal static unsafe class Int8ElementwiseAvx2
{
    /// <summary>An operator of two vectors; its fields hold the constants.</summary>
    internal interface IOperator
    {
        Vector256<sbyte> Apply(Vector256<sbyte> a, Vector256<sbyte> b);
    }

    /// <summary>Whole vectors, then the rest through a buffer. The output may be one of the inputs.</summary>
    public static void Run<TOperator>(in TOperator op, sbyte* a, int stepA, sbyte* b, int stepB, sbyte* y, long count) where TOperator : struct, IOperator
    {
        const int Width = 32;
        if (count <= 0) return;
        sbyte* buffer = stackalloc sbyte[3 * Width];
        if (stepA == 0)
        {
            new Span<sbyte>(buffer, Width).Fill(*a);
            a = buffer;
        }
        if (stepB == 0)
        {
            new Span<sbyte>(buffer + Width, Width).Fill(*b);
            b = buffer + Width;
        }
        TOperator local = op;
        for (; count >= Width; count -= Width, a += stepA * Width, b += stepB * Width, y += Width)
            Avx.Store(y, local.Apply(Avx.LoadVector256(a), Avx.LoadVector256(b)));
        if (count == 0) return;
        new ReadOnlySpan<sbyte>(a, (int)count).CopyTo(new Span<sbyte>(buffer, Width));
        new ReadOnlySpan<sbyte>(b, (int)count).CopyTo(new Span<sbyte>(buffer + Width, Width));
        Avx.Store(buffer + 2 * Width, local.Apply(Avx.LoadVector256(buffer), Avx.LoadVector256(buffer + Width)));
        new ReadOnlySpan<sbyte>(buffer + 2 * Width, (int)count).CopyTo(new Span<sbyte>(y, (int)count));
    }

    /// <summary>
    /// Factors of 21 bits as 256·h + l with 0 ≤ l ≤ 255: pairs (a, b) times (ha, hb) and (la, lb) by VPMADDWD, exact in 32 bits.
    /// The shifted sum saturates to 16 bits before the zero point is added with saturation: both only move values that the
    /// clamp to 8 bits moves to the same end.
    /// </summary>
    internal readonly struct Adder(in AddInt8Parameters p) : IOperator
    {
        private readonly Vector256<short> _high = Vector256.Create((p.MultiplierA >> 8 & 0xFFFF) | p.MultiplierB >> 8 << 16).AsInt16();
        private readonly Vector256<short> _low = Vector256.Create((p.MultiplierA & 0xFF) | (p.MultiplierB & 0xFF) << 16).AsInt16();
        private readonly Vector256<int> _offset = Vector256.Create(p.Offset);
        private readonly Vector128<int> _shift = Vector128.CreateScalar(p.Shift);
        private readonly Vector256<short> _zero = Vector256.Create((short)p.OutputZeroPoint);
        private readonly Vector256<sbyte> _min = Vector256.Create((sbyte)p.Min), _max = Vector256.Create((sbyte)p.Max);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector256<sbyte> Apply(Vector256<sbyte> a, Vector256<sbyte> b)
        {
            Vector256<short> low = Half(a.GetLower(), b.GetLower()), high = Half(a.GetUpper(), b.GetUpper());
            Vector256<sbyte> packed = Avx2.Permute4x64(Avx2.PackSignedSaturate(low, high).AsInt64(), 0b11_01_10_00).AsSByte();
            return Avx2.Min(Avx2.Max(packed, _min), _max);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private Vector256<short> Half(Vector128<sbyte> a, Vector128<sbyte> b)
        {
            Vector256<short> wideA = Avx2.ConvertToVector256Int16(a), wideB = Avx2.ConvertToVector256Int16(b);
            Vector256<int> even = Sum(Avx2.UnpackLow(wideA, wideB)), odd = Sum(Avx2.UnpackHigh(wideA, wideB));
            return Avx2.AddSaturate(Avx2.PackSignedSaturate(even, odd), _zero);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private Vector256<int> Sum(Vector256<short> pairs)
        {
            Vector256<int> sum = Avx2.ShiftLeftLogical(Avx2.MultiplyAddAdjacent(pairs, _high), 8);
            return Avx2.ShiftRightArithmetic(Avx2.Add(Avx2.Add(sum, Avx2.MultiplyAddAdjacent(pairs, _low)), _offset), _shift);
        }
    }

    /// <summary>The product of the differences is below 2^17 in magnitude, so that a factor without left shift scales it exactly.</summary>
    internal readonly struct Multiplier(in MulInt8Parameters p) : IOperator
    {
        private readonly Vector256<short> _zeroA = Vector256.Create((short)p.ZeroA), _zeroB = Vector256.Create((short)p.ZeroB), _zero = Vector256.Create((short)p.OutputZeroPoint);
        private readonly Vector256<int> _factor = Vector256.Create(p.Factor.Multiplier);
        private readonly Vector256<sbyte> _min = Vector256.Create((sbyte)p.Min), _max = Vector256.Create((sbyte)p.Max);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector256<sbyte> Apply(Vector256<sbyte> a, Vector256<sbyte> b)
        {
            Vector256<short> low = Half(a.GetLower(), b.GetLower()), high = Half(a.GetUpper(), b.GetUpper());
            Vector256<sbyte> packed = Avx2.Permute4x64(Avx2.PackSignedSaturate(low, high).AsInt64(), 0b11_01_10_00).AsSByte();
            return Avx2.Min(Avx2.Max(packed, _min), _max);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private Vector256<short> Half(Vector128<sbyte> a, Vector128<sbyte> b)
        {
            Vector256<short> u = Avx2.Subtract(Avx2.ConvertToVector256Int16(a), _zeroA), v = Avx2.Subtract(Avx2.ConvertToVector256Int16(b), _zeroB);
            Vector256<short> low = Avx2.MultiplyLow(u, v), high = Avx2.MultiplyHigh(u, v);
            Vector256<int> even = Avx2.UnpackLow(low, high).AsInt32(), odd = Avx2.UnpackHigh(low, high).AsInt32();
            even = RequantizeAvx2.Scale(Avx2.Add(even, even), _factor);
            odd = RequantizeAvx2.Scale(Avx2.Add(odd, odd), _factor);
            return Avx2.AddSaturate(Avx2.PackSignedSaturate(even, odd), _zero);
        }
    }
}
