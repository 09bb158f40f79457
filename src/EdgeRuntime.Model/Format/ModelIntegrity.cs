using System.Buffers.Binary;

namespace EdgeRuntime.Model;

/// <summary>
/// Hashes that tell a whole model from a damaged one. The table holds the SHA-256 of every section, the header a check
/// over itself and the table; a signature over header and table therefore covers the whole file.
/// </summary>
public static class ModelIntegrity
{
    // Windows are hashed in pieces, so that any length does.
    private const int Piece = 1 << 24;

    // A section of this size takes longer than starting the thread pool does.
    private const int ParallelBytes = 1 << 20;

    /// <summary>
    /// What a signature signs, and what <see cref="ModelHeader.Identity"/> hashes: header and table, with the hash of
    /// the signature's own entry taken as 0.
    /// </summary>
    /// <param name="headerAndTable">The first bytes of a file, to the end of its section table.</param>
    public static byte[] SignedMessage(ReadOnlySpan<byte> headerAndTable)
    {
        byte[] message = headerAndTable.ToArray();
        for (int at = FormatConstants.HeaderSize; at < message.Length; at += FormatConstants.EntrySize)
            if (BinaryPrimitives.ReadUInt32LittleEndian(message.AsSpan(at)) == (uint)SectionId.Signature)
                message.AsSpan(at + ModelHeader.EntryHashAt, Sha256.Size).Clear();
        return message;
    }

    /// <summary>The header's check: the first 16 bytes of the SHA-256 of the signed message with the check itself taken as 0.</summary>
    public static byte[] Check(ReadOnlySpan<byte> headerAndTable)
    {
        byte[] message = SignedMessage(headerAndTable);
        message.AsSpan(ModelHeader.CheckAt, FormatConstants.CheckSize).Clear();
        return Sha256.Hash(message)[..FormatConstants.CheckSize];
    }

    /// <summary>Compares every section with its hash, large ones on as many processors as there are.</summary>
    /// <exception cref="ModelFormatException">A section differs; the first of them is named.</exception>
    internal static void Verify(ByteSource source, IReadOnlyList<SectionInfo> sections)
    {
        bool[] whole = new bool[sections.Count];
        if (sections.Count(s => s.Length >= ParallelBytes) > 1) Parallel.For(0, whole.Length, i => whole[i] = IsWhole(source, sections[i]));
        else for (int i = 0; i < whole.Length; i++) whole[i] = IsWhole(source, sections[i]);
        if (Array.IndexOf(whole, false) is >= 0 and int bad)
            throw new ModelFormatException(FormatFault.HashMismatch, source.Name, sections[bad].Id, sections[bad].Offset, "its bytes don't have the hash that the table says: the file is damaged");
    }

    private static bool IsWhole(ByteSource source, SectionInfo s)
    {
        Sha256 hash = new();
        for (long at = 0; at < s.Length; at += Piece) hash.Append(source.Window(s.Offset + at, (int)Math.Min(Piece, s.Length - at)).Span);
        return Convert.ToHexStringLower(hash.Finish()) == s.Sha256;
    }
}
