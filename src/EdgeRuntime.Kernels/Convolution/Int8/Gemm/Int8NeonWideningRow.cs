using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static System.Runtime.Intrinsics.Arm.AdvSimd;
using static System.Runtime.Intrinsics.Arm.AdvSimd.Arm64;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Blocks of <see cref="ConvolutionInt8NeonWideningGemm"/> for a single row × 16 columns, in the order that suits in-order cores: two sets of sums by turns, so that none waits for itself; what is needed first
/// loaded before all products, by instructions of little latency, the rest behind products, by one that takes as long as they do.
/// </summary>
internal static unsafe class Int8NeonWideningRow
{
    /// <summary>Bytes of a block.</summary>
    private const int Bytes = 16 + 8 * 32;

    /// <summary>The blocks of 4, 3 and 2 products a sum of <paramref name="panel"/>, added to <paramref name="start"/>; gives their end. A method of its own, as the compiler inlines only so much into one.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static sbyte* Run(sbyte* p, byte* panel, int* start, int* sums)
    {
        int* counts = (int*)panel + 3 * ConvolutionInt8NeonWideningGemm.Nr;
        sbyte* b = (sbyte*)panel + ConvolutionInt8NeonWideningGemm.HeaderBytes;
        Vector128<int> c0 = LoadVector128(start), c1 = LoadVector128(start + 4), c2 = LoadVector128(start + 8), c3 = LoadVector128(start + 12);
        b = Blocks<N4>(counts[0], p, b, ref c0, ref c1, ref c2, ref c3);
        b = Int8NeonWideningTile.Threes(counts[1], p, b, ref c0, ref c1, ref c2, ref c3);
        b = Blocks<N2>(counts[2], p, b, ref c0, ref c1, ref c2, ref c3);
        Store(sums, c0);
        Store(sums + 4, c1);
        Store(sums + 8, c2);
        Store(sums + 12, c3);
        return b;
    }

    /// <summary>Multiplies <paramref name="count"/> blocks of eight pairs, sums emptied after TChain (4 or 2) of them; gives the end of the blocks.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static sbyte* Blocks<TChain>(int count, sbyte* p, sbyte* b, ref Vector128<int> c0, ref Vector128<int> c1, ref Vector128<int> c2, ref Vector128<int> c3) where TChain : struct, ICount
    {
        // Addresses in variables: sums would be made behind products, and wait.
        sbyte* third = b + (TChain.Value == 4 ? 80 : 144), fourth = b + 208;
        while (count != 0)
        {
            count--;
            Block<TChain>(p, b, third, fourth, ref c0, ref c1, ref c2, ref c3);
            b += Bytes;
            third += Bytes;
            fourth += Bytes;
        }
        return b;
    }

    /// <summary>The sums t and s are those of the first and the second group for 4 products a sum, else of the first and second half of a group. Three vectors and one, as four would be given registers that wrap around.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Block<TChain>(sbyte* p, sbyte* b, sbyte* third, sbyte* fourth, ref Vector128<int> c0, ref Vector128<int> c1, ref Vector128<int> c2, ref Vector128<int> c3) where TChain : struct, ICount
    {
        Vector128<short> t0, t1, t2, t3, s0, s1, s2, s3;
        sbyte* first = p + ((nint*)b)[0], second = p + ((nint*)b)[1];
        Vector128<sbyte> u0 = LoadVector128(b + 16), u1 = LoadVector128(b + 32), u2 = LoadVector128(b + 48), u3 = LoadVector128(b + 64);
        (Vector128<short> x0, Vector128<short> x1, Vector128<short> x2, Vector128<short> x3) = LoadAndReplicateToVector128x4((short*)first);
        (Vector128<short> y0, Vector128<short> y1, Vector128<short> y2, Vector128<short> y3) = LoadAndReplicateToVector128x4((short*)second);
        Vector128<sbyte> v0 = LoadVector128(b + (TChain.Value == 4 ? 144 : 80)), v1 = LoadVector128(b + (TChain.Value == 4 ? 160 : 96));
        Vector128<sbyte> v2 = LoadVector128(b + (TChain.Value == 4 ? 176 : 112)), v3 = LoadVector128(b + (TChain.Value == 4 ? 192 : 128));
        First(x0, u0, u1, out t0, out t1, out t2, out t3);
        First(TChain.Value == 4 ? y0 : x2, v0, v1, out s0, out s1, out s2, out s3);
        Next(x1, u2, u3, ref t0, ref t1, ref t2, ref t3);
        (u0, u1, u2, u3) = Load4xVector128(third);
        Next(TChain.Value == 4 ? y1 : x3, v2, v3, ref s0, ref s1, ref s2, ref s3);
        (v0, v1, v2) = Load3xVector128(fourth);
        v3 = LoadVector128(b + 256);
        if (TChain.Value == 4)
        {
            Next(x2, u0, u1, ref t0, ref t1, ref t2, ref t3);
            Next(y2, v0, v1, ref s0, ref s1, ref s2, ref s3);
            Next(x3, u2, u3, ref t0, ref t1, ref t2, ref t3);
        }
        else
        {
            Sum(t0, t1, t2, t3, ref c0, ref c1, ref c2, ref c3);
            First(y0, u0, u1, out t0, out t1, out t2, out t3);
            Sum(s0, s1, s2, s3, ref c0, ref c1, ref c2, ref c3);
            First(y2, v0, v1, out s0, out s1, out s2, out s3);
            Next(y1, u2, u3, ref t0, ref t1, ref t2, ref t3);
        }
        Next(y3, v2, v3, ref s0, ref s1, ref s2, ref s3);
        Sum(t0, t1, t2, t3, ref c0, ref c1, ref c2, ref c3);
        Sum(s0, s1, s2, s3, ref c0, ref c1, ref c2, ref c3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void First(Vector128<short> x, Vector128<sbyte> u, Vector128<sbyte> v, out Vector128<short> t0, out Vector128<short> t1, out Vector128<short> t2, out Vector128<short> t3)
    {
        t1 = MultiplyWideningUpper(x.AsSByte(), u);
        t3 = MultiplyWideningUpper(x.AsSByte(), v);
        Vector64<sbyte> low = x.GetLower().AsSByte();
        t0 = MultiplyWideningLower(low, u.GetLower());
        t2 = MultiplyWideningLower(low, v.GetLower());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Next(Vector128<short> x, Vector128<sbyte> u, Vector128<sbyte> v, ref Vector128<short> t0, ref Vector128<short> t1, ref Vector128<short> t2, ref Vector128<short> t3)
    {
        t1 = MultiplyWideningUpperAndAdd(t1, x.AsSByte(), u);
        t3 = MultiplyWideningUpperAndAdd(t3, x.AsSByte(), v);
        Vector64<sbyte> low = x.GetLower().AsSByte();
        t0 = MultiplyWideningLowerAndAdd(t0, low, u.GetLower());
        t2 = MultiplyWideningLowerAndAdd(t2, low, v.GetLower());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Sum(Vector128<short> t0, Vector128<short> t1, Vector128<short> t2, Vector128<short> t3, ref Vector128<int> c0, ref Vector128<int> c1, ref Vector128<int> c2, ref Vector128<int> c3)
    {
        c1 = AddPairwiseWideningAndAdd(c1, t1);
        c3 = AddPairwiseWideningAndAdd(c3, t3);
        c0 = AddPairwiseWideningAndAdd(c0, t0);
        c2 = AddPairwiseWideningAndAdd(c2, t2);
    }
}
