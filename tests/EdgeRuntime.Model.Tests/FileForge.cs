using System.Buffers.Binary;

namespace EdgeRuntime.Model.Tests;

/// <summary>A section as bytes.</summary>
internal sealed record RawSection(uint Id, uint Flags, byte[] Bytes)
{
    public RawSection(SectionId id, params byte[] bytes)
        : this((uint)id, id is SectionId.Strings or SectionId.Graph or SectionId.Tensors ? 1u : 0u, bytes) { }
}

/// <summary>Takes files apart and makes others, sound in their container at least: written from SPEC.md, not from the writer.</summary>
internal static class FileForge
{
    public const int Header = 64, Entry = 64, FileLengthAt = 16, CountAt = 24, CheckAt = 32;

    /// <summary>The sections of a sound file.</summary>
    public static List<RawSection> TakeApart(byte[] file)
    {
        List<RawSection> sections = [];
        for (int i = 0; i < BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(CountAt)); i++)
        {
            ReadOnlySpan<byte> entry = file.AsSpan(Header + i * Entry, Entry);
            sections.Add(new RawSection(BinaryPrimitives.ReadUInt32LittleEndian(entry), BinaryPrimitives.ReadUInt32LittleEndian(entry[4..]),
                file.AsSpan((int)BinaryPrimitives.ReadInt64LittleEndian(entry[8..]), (int)BinaryPrimitives.ReadInt64LittleEndian(entry[16..])).ToArray()));
        }
        return sections;
    }

    /// <summary>A file of <paramref name="sections"/> whose header, table and hashes are right.</summary>
    public static byte[] Build(params IReadOnlyList<RawSection> sections)
    {
        using MemoryStream body = new();
        byte[] head = new byte[Header + sections.Count * Entry];
        new byte[] { 0x89, 0x45, 0x44, 0x47, 0x45, 0x0D, 0x0A, 0x1A, 1, 0, 0, 0, 1, 0, 0, 0 }.CopyTo(head, 0);
        for (int i = 0; i < sections.Count; i++)
        {
            while (body.Length % 64 != 0) body.WriteByte(0);
            Span<byte> entry = head.AsSpan(Header + i * Entry);
            BinaryPrimitives.WriteUInt32LittleEndian(entry, sections[i].Id);
            BinaryPrimitives.WriteUInt32LittleEndian(entry[4..], sections[i].Flags);
            BinaryPrimitives.WriteInt64LittleEndian(entry[8..], head.Length + body.Length);
            BinaryPrimitives.WriteInt64LittleEndian(entry[16..], sections[i].Bytes.Length);
            body.Write(sections[i].Bytes);
        }
        byte[] file = [.. head, .. body.ToArray()];
        BinaryPrimitives.WriteInt64LittleEndian(file.AsSpan(FileLengthAt), file.Length);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(CountAt), sections.Count);
        Rehash(file);
        return file;
    }

    /// <summary>Corrects the hashes and the check of a file that may be broken in any way, as far as its table makes sense.</summary>
    public static void Rehash(byte[] file)
    {
        if (file.Length < Header) return;
        uint count = BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(CountAt));
        if (count > (file.Length - Header) / Entry) return;
        for (int i = 0; i < count; i++)
        {
            Span<byte> entry = file.AsSpan(Header + i * Entry, Entry);
            ulong offset = BinaryPrimitives.ReadUInt64LittleEndian(entry[8..]), length = BinaryPrimitives.ReadUInt64LittleEndian(entry[16..]);
            if (offset <= (ulong)file.Length && length <= (ulong)file.Length - offset)
                Sha256.Hash(file.AsSpan((int)offset, (int)length)).CopyTo(entry[24..]);
        }
        ModelIntegrity.Check(file.AsSpan(0, Header + (int)count * Entry)).CopyTo(file.AsSpan(CheckAt));
    }
}
