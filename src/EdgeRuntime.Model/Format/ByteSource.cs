using EdgeRuntime.Tensors;

namespace EdgeRuntime.Model;

/// <summary>The bytes of a packed file, mapped or in memory, and the name that errors give it.</summary>
internal sealed class ByteSource
{
    private readonly MappedFile? _file;
    private readonly ReadOnlyMemory<byte> _memory;

    public ByteSource(MappedFile file, string name)
    {
        _file = file;
        Name = name;
    }

    public ByteSource(ReadOnlyMemory<byte> memory, string name)
    {
        _memory = memory;
        Name = name;
    }

    public string Name { get; }

    public long Length => _file?.Length ?? _memory.Length;

    /// <summary>A window without a copy; the caller has checked the range.</summary>
    public ReadOnlyMemory<byte> Window(long offset, int length) =>
        _file?.Window(offset, length) ?? _memory.Slice((int)offset, length);

    /// <summary>A reader of one section, whose length is at most <see cref="FormatLimits.SectionBytes"/>.</summary>
    public SectionReader Open(SectionInfo section) =>
        section.Length <= FormatLimits.SectionBytes
            ? new(Window(section.Offset, (int)section.Length).Span, section.Id, section.Offset, Name)
            : throw new ModelFormatException(FormatFault.LimitExceeded, Name, section.Id, section.Offset,
                $"{section.Length} bytes, above the limit of {FormatLimits.SectionBytes}");
}
