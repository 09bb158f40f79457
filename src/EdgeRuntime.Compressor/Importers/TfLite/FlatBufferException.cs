using EdgeRuntime.Model;

namespace EdgeRuntime.Compressor;

/// <summary>A FlatBuffers file is damaged: an offset, size or count in it leads outside the file.</summary>
public sealed class FlatBufferException : ModelException
{
    /// <summary>Creates the error.</summary>
    /// <param name="file">Name of the file.</param>
    /// <param name="offset">Byte offset at which reading failed.</param>
    /// <param name="message">What is wrong there.</param>
    public FlatBufferException(string file, long offset, string message)
        : base(ModelErrorKind.InvalidSource, file, $"at byte {offset}: {message}; the file is damaged or cut short") => Offset = offset;

    /// <summary>Byte offset at which reading failed.</summary>
    public long Offset { get; }
}
