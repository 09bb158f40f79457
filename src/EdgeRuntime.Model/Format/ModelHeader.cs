using System.Buffers.Binary;

namespace EdgeRuntime.Model;

/// <summary>Header and section table of a packed file.</summary>
/// <param name="Version">The format version it was written in.</param>
/// <param name="MinimumReader">The oldest reader that understands it.</param>
/// <param name="FileLength">Bytes of the whole file.</param>
/// <param name="Sections">The section table, in file order.</param>
/// <param name="Identity">SHA-256 over header and table, and by their hashes over everything: the model's name among all models.</param>
public sealed record ModelHeader(
    FormatVersion Version, FormatVersion MinimumReader, long FileLength, IReadOnlyList<SectionInfo> Sections, string Identity)
{
    private const int VersionAt = 8, FileLengthAt = 16, CountAt = 24, FlagsAt = 28;

    /// <summary>Where the header's check stands.</summary>
    internal const int CheckAt = 32;

    private const int ReservedAt = 48;

    /// <summary>Where an entry's hash stands in it.</summary>
    internal const int EntryHashAt = 24;

    private const int EntryReservedAt = 56;

    /// <summary>The section <paramref name="id"/>, or null.</summary>
    public SectionInfo? Find(SectionId id) => Sections.FirstOrDefault(s => s.Id == id);

    /// <summary>Reads and checks header and table.</summary>
    /// <exception cref="ModelFormatException">They are damaged, too new, or contradict each other or the file's length.</exception>
    internal static ModelHeader Read(ByteSource source, bool verify)
    {
        ReadOnlySpan<byte> start = source.Window(0, (int)Math.Min(source.Length, FormatConstants.HeaderSize)).Span;
        if (!start.StartsWith(FormatConstants.Magic[..Math.Min(start.Length, FormatConstants.Magic.Length)]) || start.IsEmpty)
            throw Fail(source, FormatFault.NotAModel, 0, "this is no packed model; make one with \"edge compress\"");
        if (start.Length < FormatConstants.HeaderSize) throw Fail(source, FormatFault.Truncated, start.Length, "the file ends in its header");

        SectionReader r = new(start, null, 0, source.Name);
        r.Bytes(VersionAt);
        FormatVersion version = new(r.UInt16(), r.UInt16()), minimum = new(r.UInt16(), r.UInt16());
        if (minimum.CompareTo(FormatConstants.Version) > 0)
            throw r.Fail(FormatFault.UnsupportedVersion, $"the file needs a reader of format {minimum}; this one reads up to {FormatConstants.Version}: update it");
        if (minimum.Major == 0 || version.CompareTo(minimum) < 0)
            throw r.Fail(FormatFault.InvalidHeader, $"format {version} can't need a reader of {minimum}");
        long length = CheckLength(source, ref r);
        uint count = r.UInt32();
        if (count is 0 or > FormatLimits.Sections) throw r.Fail(FormatFault.LimitExceeded, $"{count} sections, 1 to {FormatLimits.Sections} expected");
        int end = FormatConstants.HeaderSize + (int)count * FormatConstants.EntrySize;
        if (end > length) throw r.Fail(FormatFault.Truncated, "the file ends in its section table");
        if (r.UInt32() != 0) throw r.Fail(FormatFault.InvalidHeader, "a flag is set that no version knows");
        r.Bytes(FormatConstants.CheckSize);
        if (r.Bytes(FormatConstants.HeaderSize - ReservedAt).ContainsAnyExcept((byte)0)) throw r.Fail(FormatFault.InvalidHeader, "reserved bytes are not 0");

        ReadOnlySpan<byte> both = source.Window(0, end).Span;
        if (verify && !both.Slice(CheckAt, FormatConstants.CheckSize).SequenceEqual(ModelIntegrity.Check(both)))
            throw Fail(source, FormatFault.InvalidHeader, CheckAt, "header and section table are damaged: their check does not fit");
        string identity = Convert.ToHexStringLower(Sha256.Hash(ModelIntegrity.SignedMessage(both)));
        return new ModelHeader(version, minimum, length, SectionTable.Read(source, (int)count), identity);
    }

    /// <summary>The bytes of header and table for <paramref name="sections"/>, readable from <paramref name="version"/> on.</summary>
    internal static byte[] Write(FormatVersion version, IReadOnlyList<SectionInfo> sections, long fileLength)
    {
        byte[] bytes = new byte[FormatConstants.HeaderSize + sections.Count * FormatConstants.EntrySize];
        FormatConstants.Magic.CopyTo(bytes);
        Span<byte> rest = bytes.AsSpan(VersionAt);
        for (int i = 0; i < 2; i++, rest = rest[4..])
        {
            BinaryPrimitives.WriteUInt16LittleEndian(rest, version.Major);
            BinaryPrimitives.WriteUInt16LittleEndian(rest[2..], version.Minor);
        }
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(FileLengthAt), fileLength);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(CountAt), sections.Count);
        for (int i = 0; i < sections.Count; i++)
            SectionTable.Write(sections[i], bytes.AsSpan(FormatConstants.HeaderSize + i * FormatConstants.EntrySize));
        ModelIntegrity.Check(bytes).CopyTo(bytes.AsSpan(CheckAt));
        return bytes;
    }

    private static long CheckLength(ByteSource source, ref SectionReader r)
    {
        ulong declared = r.UInt64();
        if (declared > (ulong)FormatLimits.FileBytes) throw r.Fail(FormatFault.LimitExceeded, $"a file of {declared} bytes");
        if (source.Length < (long)declared) throw r.Fail(FormatFault.Truncated, $"the file has {source.Length} of {declared} bytes: copy it again");
        if (source.Length > (long)declared) throw r.Fail(FormatFault.TrailingData, $"the file has {source.Length} bytes, its header says {declared}");
        return (long)declared;
    }

    private static ModelFormatException Fail(ByteSource source, FormatFault fault, long offset, string message) =>
        new(fault, source.Name, null, offset, message);

    /// <summary>The entries behind the header.</summary>
    private static class SectionTable
    {
        public static List<SectionInfo> Read(ByteSource source, int count)
        {
            long end = FormatConstants.HeaderSize + count * FormatConstants.EntrySize;
            List<SectionInfo> sections = new(count);
            for (int i = 0; i < count; i++)
            {
                long at = FormatConstants.HeaderSize + i * FormatConstants.EntrySize;
                SectionReader r = new(source.Window(at, FormatConstants.EntrySize).Span, null, at, source.Name);
                SectionInfo s = ReadEntry(ref r, source.Length);
                if (sections.Exists(other => other.Id == s.Id)) throw r.Fail(FormatFault.InvalidTable, $"section {s.Id} is listed twice");
                if (s.Offset < end) throw r.Fail(FormatFault.SectionOverlap, $"section {s.Id} starts at {s.Offset}, before {end}, where what precedes it ends");
                CheckPadding(source, end, s.Offset, ref r);
                end = s.Offset + s.Length;
                sections.Add(s);
            }
            if (end != source.Length) throw Fail(source, FormatFault.TrailingData, end, $"{source.Length - end} bytes belong to no section");
            return sections;
        }

        public static void Write(SectionInfo s, Span<byte> entry)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(entry, (uint)s.Id);
            BinaryPrimitives.WriteUInt32LittleEndian(entry[4..], (uint)s.Flags);
            BinaryPrimitives.WriteInt64LittleEndian(entry[8..], s.Offset);
            BinaryPrimitives.WriteInt64LittleEndian(entry[16..], s.Length);
            Convert.FromHexString(s.Sha256).CopyTo(entry[EntryHashAt..]);
        }

        private static SectionInfo ReadEntry(ref SectionReader r, long fileLength)
        {
            SectionId id = (SectionId)r.UInt32();
            SectionFlags flags = (SectionFlags)r.UInt32();
            if ((flags & ~SectionFlags.Required) != 0) throw r.Fail(FormatFault.InvalidTable, $"section {id} has flags {(uint)flags:x} that no version knows");
            if (!Enum.IsDefined(id) && flags.HasFlag(SectionFlags.Required))
                throw r.Fail(FormatFault.UnknownSection, $"the file requires section {id}, which this reader does not know: update it");
            ulong offset = r.UInt64();
            if (offset % FormatConstants.Alignment != 0) throw r.Fail(FormatFault.InvalidTable, $"section {id} starts at {offset}, no multiple of {FormatConstants.Alignment}");
            ulong length = r.UInt64();
            if (offset > (ulong)fileLength || length > (ulong)fileLength - offset)
                throw r.Fail(FormatFault.SectionOutOfFile, $"section {id} has bytes [{offset}, +{length}) of a file of {fileLength}");
            string hash = Convert.ToHexStringLower(r.Bytes(Sha256.Size));
            if (r.Bytes(FormatConstants.EntrySize - EntryReservedAt).ContainsAnyExcept((byte)0))
                throw r.Fail(FormatFault.InvalidTable, $"section {id} has reserved bytes that are not 0");
            return new SectionInfo(id, flags, (long)offset, (long)length, hash);
        }

        private static void CheckPadding(ByteSource source, long from, long to, ref SectionReader r)
        {
            if (to - from > FormatLimits.Padding || source.Window(from, (int)(to - from)).Span.ContainsAnyExcept((byte)0))
                throw r.Fail(FormatFault.InvalidTable, $"bytes [{from}, {to}) belong to no section and are no padding");
        }
    }
}
