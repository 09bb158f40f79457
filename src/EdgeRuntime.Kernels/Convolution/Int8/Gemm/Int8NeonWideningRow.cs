using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static System.Runtime.Intrinsics.Arm.AdvSimd;
using static System.Runtime.Intrinsics.Arm.AdvSimd.Arm64;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Blocks of <see cref="ConvolutionInt8NeonWideningGemm"/> for a single row × 16 columns, in an order that was searched for in-order cores: addresses and what is needed first come before all products, other weights
/// behind products by loads of four registers, which take as long as products do, and no sum waits for itself. It uses 27 registers: with more the compiler lets those of a load wrap around.
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
        b = Blocks<N3>(counts[1], p, b, ref c0, ref c1, ref c2, ref c3);
        b = Blocks<N2>(counts[2], p, b, ref c0, ref c1, ref c2, ref c3);
        Store(sums, c0);
        Store(sums + 4, c1);
        Store(sums + 8, c2);
        Store(sums + 12, c3);
        return b;
    }

    /// <summary>Multiplies <paramref name="count"/> blocks of eight pairs x0 to x7 by weights u and v, sums emptied after TChain (4, 3 or 2) of them; gives the end of the blocks.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static sbyte* Blocks<TChain>(int count, sbyte* p, sbyte* b, ref Vector128<int> c0, ref Vector128<int> c1, ref Vector128<int> c2, ref Vector128<int> c3) where TChain : struct, ICount
    {
        if (count == 0) return b;
        // Addresses in variables, which begin a block earlier as they grow before they are used: sums would be made behind products, and wait.
        sbyte* b1 = b + 48 - Bytes, b3 = b1 + 64, b5 = b3 + 64;
        do
        {
            b3 += Bytes;
            // Two steps each, or the C# compiler would move the addition to its use.
            sbyte* first = (sbyte*)*(nint*)b, second = (sbyte*)*(nint*)(b + 8);
            b1 += Bytes;
            count--;
            Vector128<sbyte> u0 = LoadVector128(b + 16), v0 = LoadVector128(b + 32);
            b5 += Bytes;
            first = p + (nint)first;
            Vector128<sbyte> u7 = LoadVector128(b + 240), v7 = LoadVector128(b + 256);
            second = p + (nint)second;
            (Vector128<short> x0, Vector128<short> x1, Vector128<short> x2, Vector128<short> x3) = LoadAndReplicateToVector128x4((short*)first);
            (Vector128<short> x4, Vector128<short> x5, Vector128<short> x6, Vector128<short> x7) = LoadAndReplicateToVector128x4((short*)second);
            b += Bytes;
            (Vector128<sbyte> u1, Vector128<sbyte> v1, Vector128<sbyte> u2, Vector128<sbyte> v2) = Load4xVector128(b1);
            Sums s = First(x0, u0, v0);
            (Vector128<sbyte> u3, Vector128<sbyte> v3, Vector128<sbyte> u4, Vector128<sbyte> v4) = Load4xVector128(b3);
            Sums t = First(x7, u7, v7);
            Vector128<sbyte> u5, v5, u6, v6;
            if (TChain.Value == 4)
            {
                s.Next(x1, u1, v1);
                (u5, v5, u6, v6) = Load4xVector128(b5);
                t.Next(x4, u4, v4);
                s.Next(x2, u2, v2);
                t.Next(x5, u5, v5);
                s.Next(x3, u3, v3);
                t.Next(x6, u6, v6);
            }
            else if (TChain.Value == 3)
            {
                s.Next(x2, u2, v2);
                Sums r = First(x4, u4, v4);
                s.Next(x1, u1, v1);
                (u5, v5, u6, v6) = Load4xVector128(b5);
                r.Next(x3, u3, v3);
                s.AddTo(ref c0, ref c1, ref c2, ref c3);
                t.Next(x6, u6, v6);
                r.Next(x5, u5, v5);
                (s, t) = (t, r);
            }
            else
            {
                s.Next(x1, u1, v1);
                Sums r = First(x3, u3, v3);
                s.AddTo(ref c0, ref c1, ref c2, ref c3);
                (u5, v5, u6, v6) = Load4xVector128(b5);
                r.Next(x2, u2, v2);
                s = First(x4, u4, v4);
                t.Next(x6, u6, v6);
                r.AddTo(ref c0, ref c1, ref c2, ref c3);
                s.Next(x5, u5, v5);
                (s, t) = (t, s);
            }
            s.AddTo(ref c0, ref c1, ref c2, ref c3);
            t.AddTo(ref c0, ref c1, ref c2, ref c3);
        } while (count != 0);
        return b;
    }

    /// <summary>The products of one pair of a row's elements: upper halves first, as a half costs a move while its whole is still needed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Sums First(Vector128<short> x, Vector128<sbyte> u, Vector128<sbyte> v)
    {
        Sums s;
        s.S1 = MultiplyWideningUpper(x.AsSByte(), u);
        s.S3 = MultiplyWideningUpper(x.AsSByte(), v);
        Vector64<sbyte> low = x.GetLower().AsSByte();
        s.S0 = MultiplyWideningLower(low, u.GetLower());
        s.S2 = MultiplyWideningLower(low, v.GetLower());
        return s;
    }

    /// <summary>Sums of products in 16 bits: two neighbouring lanes for each of 16 columns.</summary>
    private struct Sums
    {
        public Vector128<short> S0, S1, S2, S3;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Next(Vector128<short> x, Vector128<sbyte> u, Vector128<sbyte> v)
        {
            S1 = MultiplyWideningUpperAndAdd(S1, x.AsSByte(), u);
            S3 = MultiplyWideningUpperAndAdd(S3, x.AsSByte(), v);
            Vector64<sbyte> low = x.GetLower().AsSByte();
            S0 = MultiplyWideningLowerAndAdd(S0, low, u.GetLower());
            S2 = MultiplyWideningLowerAndAdd(S2, low, v.GetLower());
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void AddTo(ref Vector128<int> c0, ref Vector128<int> c1, ref Vector128<int> c2, ref Vector128<int> c3)
        {
            c1 = AddPairwiseWideningAndAdd(c1, S1);
            c3 = AddPairwiseWideningAndAdd(c3, S3);
            c0 = AddPairwiseWideningAndAdd(c0, S0);
            c2 = AddPairwiseWideningAndAdd(c2, S2);
        }
    }
}
