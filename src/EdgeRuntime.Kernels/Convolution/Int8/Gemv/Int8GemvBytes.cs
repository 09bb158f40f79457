using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRuntime.Kernels;

/// <summary>
/// A row of x times a panel of up to 4 vectors of channels for <see cref="ConvolutionInt8Gemv{TStep}"/>, by VPMADDUBSW on bytes x + 128:
/// the products of <typeparamref name="TSteps"/> steps of 4 elements are added in 16 bits, for which the weights were found small enough.
/// </summary>
internal static unsafe class Int8GemvBytes<TSteps, TVectors>
    where TSteps : struct, ICount
    where TVectors : struct, ICount
{
    private const int StepBytes = 32;

    /// <summary>bias + Σ (x + 128)·w; behind the last element of the row are bytes that meet weights of 0.</summary>
    public static void Run(in Int8GemvPanel panel)
    {
        panel.Begin<TVectors>(out Vector256<int> s0, out Vector256<int> s1, out Vector256<int> s2, out Vector256<int> s3);
        byte* x = panel.X, w = panel.Weights;
        nint k = 0, depth = panel.Depth, bytes = TVectors.Value * StepBytes;
        for (; k + 4 * TSteps.Value <= depth; k += 4 * TSteps.Value, w += TSteps.Value * bytes)
        {
            Vector256<short> a0 = default, a1 = default, a2 = default, a3 = default;
            Step<N1>(x + k, w, ref a0, ref a1, ref a2, ref a3);
            if (TSteps.Value > 1)
            {
                Step<N0>(x + k + 4, w + bytes, ref a0, ref a1, ref a2, ref a3);
                Step<N0>(x + k + 8, w + 2 * bytes, ref a0, ref a1, ref a2, ref a3);
                Step<N0>(x + k + 12, w + 3 * bytes, ref a0, ref a1, ref a2, ref a3);
            }
            if (TSteps.Value > 4)
            {
                Step<N0>(x + k + 16, w + 4 * bytes, ref a0, ref a1, ref a2, ref a3);
                Step<N0>(x + k + 20, w + 5 * bytes, ref a0, ref a1, ref a2, ref a3);
                Step<N0>(x + k + 24, w + 6 * bytes, ref a0, ref a1, ref a2, ref a3);
                Step<N0>(x + k + 28, w + 7 * bytes, ref a0, ref a1, ref a2, ref a3);
            }
            Widen(a0, a1, a2, a3, ref s0, ref s1, ref s2, ref s3);
        }
        for (; k < depth; k += 4, w += bytes)
        {
            Vector256<short> a0 = default, a1 = default, a2 = default, a3 = default;
            Step<N1>(x + k, w, ref a0, ref a1, ref a2, ref a3);
            Widen(a0, a1, a2, a3, ref s0, ref s1, ref s2, ref s3);
        }
        panel.End<TVectors>(s0, s1, s2, s3);
    }

    /// <summary>Adds one step's products, or begins with them if <typeparamref name="TFirst"/> is 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step<TFirst>(byte* x, byte* w, ref Vector256<short> a0, ref Vector256<short> a1, ref Vector256<short> a2, ref Vector256<short> a3)
        where TFirst : struct, ICount
    {
        Vector256<byte> u = Vector256.Create(*(int*)x).AsByte();
        a0 = Product<TFirst>(a0, u, w);
        if (TVectors.Value > 1) a1 = Product<TFirst>(a1, u, w + StepBytes);
        if (TVectors.Value > 2) a2 = Product<TFirst>(a2, u, w + 2 * StepBytes);
        if (TVectors.Value > 3) a3 = Product<TFirst>(a3, u, w + 3 * StepBytes);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<short> Product<TFirst>(Vector256<short> sum, Vector256<byte> u, byte* w) where TFirst : struct, ICount
    {
        Vector256<short> product = Avx2.MultiplyAddAdjacent(u, Vector256.Load((sbyte*)w));
        return TFirst.Value == 1 ? product : sum + product;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Widen(Vector256<short> a0, Vector256<short> a1, Vector256<short> a2, Vector256<short> a3,
        ref Vector256<int> s0, ref Vector256<int> s1, ref Vector256<int> s2, ref Vector256<int> s3)
    {
        Vector256<short> ones = Vector256.Create((short)1);
        s0 += Avx2.MultiplyAddAdjacent(a0, ones);
        if (TVectors.Value > 1) s1 += Avx2.MultiplyAddAdjacent(a1, ones);
        if (TVectors.Value > 2) s2 += Avx2.MultiplyAddAdjacent(a2, ones);
        if (TVectors.Value > 3) s3 += Avx2.MultiplyAddAdjacent(a3, ones);
    }
}
