using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Inference;

/// <summary>Writes weights in a kernel's layout.</summary>
internal delegate void WeightPacker(Span<byte> destination);

/// <summary>The weights of one step in the layout of its kernel, aligned to <see cref="NativeBuffer.Alignment"/> bytes.</summary>
internal sealed unsafe class PackedWeights : IDisposable
{
    private readonly NativeBuffer _buffer;

    /// <summary>Packs the weights of <paramref name="node"/> for the kernel <paramref name="kernelId"/>.</summary>
    public PackedWeights(Node node, string kernelId, long bytes, WeightPacker pack)
    {
        if (bytes > int.MaxValue) throw new ModelException(ModelErrorKind.Unsupported, node.ToString(), $"{kernelId} needs {bytes} bytes for its weights, more than 2^31");
        _buffer = new NativeBuffer(bytes);
        pack(_buffer.Span<byte>(0, (int)bytes));
    }

    /// <summary>First byte; valid until disposal.</summary>
    public byte* Pointer => _buffer.Pointer;

    /// <summary>Bytes of memory taken for them.</summary>
    public long Bytes => _buffer.Length;

    public void Dispose() => _buffer.Dispose();
}
