using System.Buffers;
using System.IO.MemoryMappedFiles;

namespace EdgeRuntime.Tensors;

/// <summary>
/// A file mapped read-only into memory. Windows refer to its pages without a copy, and throw once it is disposed; spans
/// taken from a window must not outlive it. A mapped file must not be shortened in place: replace it by renaming another
/// over it, which leaves this map as it was.
/// </summary>
public sealed unsafe class MappedFile : IDisposable
{
    private readonly MemoryMappedFile? _file;
    private readonly MemoryMappedViewAccessor? _view;
    private byte* _pointer;
    private bool _disposed;

    /// <summary>Maps the file at <paramref name="path"/>; an empty file has a length of 0 and no pages.</summary>
    /// <exception cref="IOException">There is no such file, or it can't be read.</exception>
    /// <exception cref="UnauthorizedAccessException">Reading it is not allowed, or it is a directory.</exception>
    public MappedFile(string path)
    {
        FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize: 1);
        Length = stream.Length;
        if (Length == 0)
        {
            stream.Dispose();
            return;
        }
        _file = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
        _view = _file.CreateViewAccessor(0, Length, MemoryMappedFileAccess.Read);
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _pointer);
        _pointer += _view.PointerOffset;
    }

    /// <summary>Unmaps the file if the owner did not.</summary>
    ~MappedFile() => Release();

    /// <summary>Size in bytes.</summary>
    public long Length { get; }

    /// <summary>Bytes [<paramref name="offset"/>, <paramref name="offset"/> + <paramref name="length"/>), not copied.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The range is not inside the file.</exception>
    public ReadOnlyMemory<byte> Window(long offset, int length)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (offset < 0 || length < 0 || offset > Length - length)
            throw new ArgumentOutOfRangeException(nameof(offset), $"[{offset}, +{length}) is outside {Length} bytes");
        return length == 0 ? ReadOnlyMemory<byte>.Empty : new View(this, offset, length).Memory;
    }

    /// <summary>Unmaps the file; its windows throw from now on.</summary>
    public void Dispose()
    {
        Release();
        _view?.Dispose();
        _file?.Dispose();
        GC.SuppressFinalize(this);
    }

    private void Release()
    {
        if (_disposed) return;
        _disposed = true;
        if (_pointer != null) _view!.SafeMemoryMappedViewHandle.ReleasePointer();
        _pointer = null;
    }

    // Window() has checked the range, the length of a map never changes, and Pointer throws after disposal: so every
    // span made here lies in mapped pages. Only ReadOnlyMemory leaves this file, hence nobody writes to them.
    private sealed class View(MappedFile file, long offset, int length) : MemoryManager<byte>
    {
        private byte* Pointer
        {
            get
            {
                ObjectDisposedException.ThrowIf(file._disposed, file);
                return file._pointer + offset;
            }
        }

        public override Span<byte> GetSpan() => new(Pointer, length);

        public override MemoryHandle Pin(int elementIndex = 0)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)elementIndex, (uint)length, nameof(elementIndex));
            return new MemoryHandle(Pointer + elementIndex);
        }

        public override void Unpin() { }

        protected override void Dispose(bool disposing) { }
    }
}
