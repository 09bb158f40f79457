using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace EdgeRuntime.Model;

/// <summary>
/// The compression function of SHA-256 where the processor has no instruction for it that .NET knows: the message schedule on
/// vectors of four words, the rounds on scalars, eight at a time so that no word is moved.
/// </summary>
internal static class Sha256Blocks
{
    // The first 32 bits of the fractional parts of the cube roots of the first 64 primes.
    private static readonly uint[] Constants =
    [
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
        0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
        0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
    ];

    /// <summary>The round constants, four to a vector.</summary>
    public static ReadOnlySpan<Vector128<uint>> K => MemoryMarshal.Cast<uint, Vector128<uint>>(Constants);

    /// <summary>The block's words, of which SHA-256 takes the first byte as the highest.</summary>
    public static Vector128<uint> Words(ReadOnlySpan<byte> block, int vector) => Vector128.Shuffle(Vector128.Create(block.Slice(16 * vector, 16)),
        Vector128.Create((byte)3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12)).AsUInt32();

    /// <summary>Mixes whole blocks of 64 bytes into <paramref name="state"/>.</summary>
    // Optimised at its first call: a model is read once, before the JIT would find this loop worth a second look.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Compress(Span<uint> state, ReadOnlySpan<byte> blocks)
    {
        Span<Vector128<uint>> w = stackalloc Vector128<uint>[16];
        ReadOnlySpan<Vector128<uint>> k = K;
        for (; !blocks.IsEmpty; blocks = blocks[64..])
        {
            Vector128<uint> a = Words(blocks, 0), b = Words(blocks, 1), c = Words(blocks, 2), d = Words(blocks, 3);
            (w[0], w[1], w[2], w[3]) = (a + k[0], b + k[1], c + k[2], d + k[3]);
            for (int i = 4; i < w.Length; i += 4)
            {
                w[i] = (a = Next(a, b, c, d)) + k[i];
                w[i + 1] = (b = Next(b, c, d, a)) + k[i + 1];
                w[i + 2] = (c = Next(c, d, a, b)) + k[i + 2];
                w[i + 3] = (d = Next(d, a, b, c)) + k[i + 3];
            }
            Rounds(state, MemoryMarshal.Cast<Vector128<uint>, uint>(w));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rounds(Span<uint> state, ReadOnlySpan<uint> w)
    {
        uint a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5], g = state[6], h = state[7];
        for (; w.Length >= 8; w = w[8..])
        {
            Round(a, b, c, ref d, e, f, g, ref h, w[0]);
            Round(h, a, b, ref c, d, e, f, ref g, w[1]);
            Round(g, h, a, ref b, c, d, e, ref f, w[2]);
            Round(f, g, h, ref a, b, c, d, ref e, w[3]);
            Round(e, f, g, ref h, a, b, c, ref d, w[4]);
            Round(d, e, f, ref g, h, a, b, ref c, w[5]);
            Round(c, d, e, ref f, g, h, a, ref b, w[6]);
            Round(b, c, d, ref e, f, g, h, ref a, w[7]);
        }
        state[0] += a;
        state[1] += b;
        state[2] += c;
        state[3] += d;
        state[4] += e;
        state[5] += f;
        state[6] += g;
        state[7] += h;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Round(uint a, uint b, uint c, ref uint d, uint e, uint f, uint g, ref uint h, uint w)
    {
        h += (BitOperations.RotateRight(e, 6) ^ BitOperations.RotateRight(e, 11) ^ BitOperations.RotateRight(e, 25)) + (g ^ e & (f ^ g)) + w;
        d += h;
        h += (BitOperations.RotateRight(a, 2) ^ BitOperations.RotateRight(a, 13) ^ BitOperations.RotateRight(a, 22)) + ((a | b) & c | a & b);
    }

    /// <summary>Words t to t+3 of the schedule from words t−16 to t−1; the upper two need the lower two first.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<uint> Next(Vector128<uint> a, Vector128<uint> b, Vector128<uint> c, Vector128<uint> d)
    {
        Vector128<uint> x = Behind(a, b);
        Vector128<uint> next = a + Behind(c, d) + (Rotate(x, 7, 25) ^ Rotate(x, 18, 14) ^ x >>> 3);
        next += Vector128.Shuffle(Sigma1(Vector128.Shuffle(d, Vector128.Create(2u, 2, 3, 3))), Vector128.Create(0u, 2, 4, 4));
        return next + Vector128.Shuffle(Sigma1(Vector128.Shuffle(next, Vector128.Create(0u, 0, 1, 1))), Vector128.Create(4u, 4, 0, 2));
    }

    /// <summary>σ1 of two words, each given twice, in the lower halves of 64 bits: their shifts are then rotations.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<uint> Sigma1(Vector128<uint> twice) => (twice.AsUInt64() >>> 17 ^ twice.AsUInt64() >>> 19).AsUInt32() ^ twice >>> 10;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<uint> Rotate(Vector128<uint> x, [ConstantExpected] byte right, [ConstantExpected(Max = (byte)31)] byte left) =>
        AdvSimd.IsSupported ? AdvSimd.ShiftLeftAndInsert(x >>> right, x, left) : x >>> right | x << left;

    /// <summary>Words 1 to 4 of the eight in two vectors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<uint> Behind(Vector128<uint> low, Vector128<uint> high) =>
        Ssse3.IsSupported ? Ssse3.AlignRight(high.AsByte(), low.AsByte(), 4).AsUInt32()
        : AdvSimd.IsSupported ? AdvSimd.ExtractVector128(low, high, 1)
        : Vector128.Create(low[1], low[2], low[3], high[0]);
}
