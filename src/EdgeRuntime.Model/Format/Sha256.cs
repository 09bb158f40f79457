using System.Buffers.Binary;

namespace EdgeRuntime.Model;

/// <summary>
/// SHA-256 by FIPS 180-4, in managed code: the board needs no cryptographic library, and a small model's start does not
/// wait for one to load.
/// </summary>
public sealed class Sha256
{
    /// <summary>Bytes of a digest.</summary>
    public const int Size = 32;

    private const int BlockSize = 64;

    private readonly uint[] _state = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];
    private readonly byte[] _block = new byte[BlockSize];
    private int _pending;
    private long _length;

    /// <summary>The digest of <paramref name="bytes"/>.</summary>
    public static byte[] Hash(ReadOnlySpan<byte> bytes)
    {
        Sha256 hash = new();
        hash.Append(bytes);
        return hash.Finish();
    }

    /// <summary>Adds <paramref name="bytes"/> to the message.</summary>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        _length += bytes.Length;
        if (_pending > 0)
        {
            int taken = Math.Min(BlockSize - _pending, bytes.Length);
            bytes[..taken].CopyTo(_block.AsSpan(_pending));
            _pending += taken;
            bytes = bytes[taken..];
            if (_pending < BlockSize) return;
            Compress(_block);
        }
        _pending = bytes.Length % BlockSize;
        if (bytes.Length >= BlockSize) Compress(bytes[..^_pending]);
        bytes[^_pending..].CopyTo(_block);
    }

    /// <summary>Ends the message and gives its digest; the object is used up.</summary>
    public byte[] Finish()
    {
        long bits = _length * 8;
        Span<byte> tail = stackalloc byte[BlockSize + 8];
        tail[0] = 0x80;
        int padding = (BlockSize + 56 - 1 - _pending) % BlockSize + 1;
        BinaryPrimitives.WriteInt64BigEndian(tail[padding..], bits);
        Append(tail[..(padding + 8)]);
        byte[] digest = new byte[Size];
        for (int i = 0; i < _state.Length; i++) BinaryPrimitives.WriteUInt32BigEndian(digest.AsSpan(4 * i), _state[i]);
        return digest;
    }

    private void Compress(ReadOnlySpan<byte> blocks)
    {
        if (Sha256Arm.IsSupported) Sha256Arm.Compress(_state, blocks);
        else Sha256Blocks.Compress(_state, blocks);
    }
}
