namespace EdgeRuntime.Model;

/// <summary>What the writer puts into one section: parts, each but the first at the next multiple of 64 bytes.</summary>
internal sealed record SectionPayload(SectionId Id, SectionFlags Flags, IReadOnlyList<ReadOnlyMemory<byte>> Parts)
{
    private static readonly byte[] Zeros = new byte[FormatConstants.Alignment];

    /// <summary>Bytes of the section.</summary>
    public long Length => Chunks().Sum(c => (long)c.Length);

    /// <summary>Parts and the padding between them.</summary>
    public IEnumerable<ReadOnlyMemory<byte>> Chunks()
    {
        long position = 0;
        foreach (ReadOnlyMemory<byte> part in Parts)
        {
            if (part.IsEmpty) continue;
            ReadOnlyMemory<byte> padding = Padding(position);
            yield return padding;
            yield return part;
            position += padding.Length + part.Length;
        }
    }

    /// <summary>Zeros from <paramref name="position"/> to the next multiple of 64.</summary>
    public static ReadOnlyMemory<byte> Padding(long position) => Zeros.AsMemory(0, (int)(PayloadSections.Align(position) - position));

    /// <summary>SHA-256 of the section, lower-case hexadecimal.</summary>
    public string Hash()
    {
        Sha256 hash = new();
        foreach (ReadOnlyMemory<byte> chunk in Chunks()) hash.Append(chunk.Span);
        return Convert.ToHexStringLower(hash.Finish());
    }
}
