using System.Buffers.Binary;

namespace EdgeRuntime.Model.Tests;

/// <summary>What a mutation does to the bytes it is given: a whole file, or one section of it.</summary>
internal enum MutationKind
{
    BitFlips,
    ByteSets,
    Truncation,
    Splice,
    DuplicatedRange,
    RemovedRange,
    IntegerField,
    NumberInRecord,
}

/// <summary>Where a mutation applies, and what is put right afterwards, so that it gets past the outer checks.</summary>
internal enum MutationReach
{
    /// <summary>Any byte of the file; nothing is put right.</summary>
    File,

    /// <summary>Header and table; hashes are put right.</summary>
    Table,

    /// <summary>Any byte of the file; hashes and the file's length are put right.</summary>
    Rehashed,

    /// <summary>One section, whose length may change; the file is built anew around it.</summary>
    Section,
}

/// <summary>Damages files, reproducibly from a seed.</summary>
internal sealed class Mutation(int seed, IReadOnlyList<byte[]> files)
{
    private static readonly byte[] Bytes = [0, 1, 2, 0x3F, 0x40, 0x7F, 0x80, 0x81, 0xFE, 0xFF];

    private static readonly ulong[] Integers =
    [
        0, 1, 2, 63, 64, 65, 128, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x100000000, 0x7FFFFFFFFFFFFFFF,
        0x7FFFFFFFFFFFFFC0, 0x8000000000000000, 0xFFFFFFFFFFFFFFC0, 0xFFFFFFFFFFFFFFFF,
    ];

    private readonly Random _random = new(seed);

    public MutationKind Kind { get; } = (MutationKind)(seed % Enum.GetValues<MutationKind>().Length);

    public MutationReach Reach { get; } = (MutationReach)(seed / Enum.GetValues<MutationKind>().Length % Enum.GetValues<MutationReach>().Length);

    /// <summary>A damaged file.</summary>
    public byte[] Make()
    {
        byte[] file = files[_random.Next(files.Count)];
        switch (Reach)
        {
            case MutationReach.Section:
                List<RawSection> sections = FileForge.TakeApart(file);
                int chosen = _random.Next(sections.Count);
                sections[chosen] = sections[chosen] with { Bytes = Apply(sections[chosen].Bytes) };
                return FileForge.Build(sections);
            case MutationReach.Table:
                int end = FileForge.Header + FileForge.Entry * BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(FileForge.CountAt));
                byte[] table = [.. Apply(file[..end]), .. file[end..]];
                FileForge.Rehash(table);
                return table;
            case MutationReach.Rehashed:
                byte[] whole = Apply(file);
                if (whole.Length >= FileForge.Header) BinaryPrimitives.WriteInt64LittleEndian(whole.AsSpan(FileForge.FileLengthAt), whole.Length);
                FileForge.Rehash(whole);
                return whole;
            default: return Apply(file);
        }
    }

    private byte[] Apply(byte[] original)
    {
        byte[] bytes = [.. original];
        if (bytes.Length == 0) return [Any(Bytes)];
        int from = _random.Next(bytes.Length), length = Math.Min(_random.Next(1, 1 << _random.Next(1, 9)), bytes.Length - from);
        switch (Kind)
        {
            case MutationKind.BitFlips:
                for (int i = _random.Next(1, 9); i > 0; i--) bytes[_random.Next(bytes.Length)] ^= (byte)(1 << _random.Next(8));
                return bytes;
            case MutationKind.ByteSets:
                for (int i = _random.Next(1, 5); i > 0; i--) bytes[_random.Next(bytes.Length)] = Any(Bytes);
                return bytes;
            case MutationKind.Truncation: return bytes[..from];
            case MutationKind.Splice:
                byte[] other = files[_random.Next(files.Count)];
                int start = _random.Next(other.Length);
                return [.. bytes[..from], .. other[start..Math.Min(start + length, other.Length)], .. bytes[(from + length)..]];
            case MutationKind.DuplicatedRange: return [.. bytes[..(from + length)], .. bytes[from..]];
            case MutationKind.RemovedRange: return [.. bytes[..from], .. bytes[(from + length)..]];
            case MutationKind.IntegerField:
                int size = 2 << _random.Next(3), at = from / size * size;
                Span<byte> value = stackalloc byte[8];
                BinaryPrimitives.WriteUInt64LittleEndian(value, Any(Integers));
                value[..Math.Min(size, bytes.Length - at)].CopyTo(bytes.AsSpan(at));
                return bytes;
            default:
                // A number in the encoding of records takes the place of one byte, so that the records behind it stay whole.
                List<byte> number = [];
                ulong rest = Any(Integers) + (ulong)_random.Next(-1, 2) & long.MaxValue;
                for (; rest >= 0x80; rest >>= 7) number.Add((byte)(rest | 0x80));
                number.Add((byte)rest);
                return [.. bytes[..from], .. number, .. bytes[(from + 1)..]];
        }
    }

    private T Any<T>(T[] list) => list[_random.Next(list.Length)];
}
