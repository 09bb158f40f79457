using System.Runtime.InteropServices;

namespace EdgeRuntime.Inference;

/// <summary>
/// A 256-bit hash at memory speed, to tell one constant's contents from another's. It resists accidents, not attacks: those are
/// for the file's SHA-256 and signature. Each of four lanes takes 16 bytes a step, h ← fold((h ⊕ x₀) · (x₁ ⊕ k)), where fold
/// adds the halves of the 128-bit product without carry.
/// </summary>
internal static class ContentHash
{
    /// <summary>Bytes of a hash.</summary>
    public const int Size = 32;

    private const int Step = 64;

    // The fractional parts of the square roots of 2, 3, 5 and 7.
    private const ulong K0 = 0x6a09e667f3bcc908, K1 = 0xbb67ae8584caa73b, K2 = 0x3c6ef372fe94f82b, K3 = 0xa54ff53a5f1d36f1;

    /// <summary>The hash of <paramref name="bytes"/>.</summary>
    public static byte[] Of(ReadOnlySpan<byte> bytes)
    {
        Span<ulong> lanes = [K1 ^ (ulong)bytes.Length, K2, K3, K0];
        int whole = bytes.Length - bytes.Length % Step;
        Span<byte> tail = stackalloc byte[Step];
        tail.Clear();
        bytes[whole..].CopyTo(tail);
        Mix(lanes, MemoryMarshal.Cast<byte, ulong>(bytes[..whole]));
        Mix(lanes, MemoryMarshal.Cast<byte, ulong>(tail));
        Mix(lanes, [lanes[1], lanes[2], lanes[3], lanes[0], lanes[0], lanes[1], lanes[2], lanes[3]]);
        return MemoryMarshal.AsBytes(lanes).ToArray();
    }

    private static void Mix(Span<ulong> lanes, ReadOnlySpan<ulong> words)
    {
        ulong a = lanes[0], b = lanes[1], c = lanes[2], d = lanes[3];
        for (; words.Length >= 8; words = words[8..])
        {
            a = Fold(a ^ words[0], words[1] ^ K0);
            b = Fold(b ^ words[2], words[3] ^ K1);
            c = Fold(c ^ words[4], words[5] ^ K2);
            d = Fold(d ^ words[6], words[7] ^ K3);
        }
        (lanes[0], lanes[1], lanes[2], lanes[3]) = (a, b, c, d);
    }

    private static ulong Fold(ulong x, ulong y) => Math.BigMul(x, y, out ulong low) ^ low;
}
