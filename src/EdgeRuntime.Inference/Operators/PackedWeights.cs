using System.Buffers;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Inference;

/// <summary>Writes weights in a kernel's layout.</summary>
internal delegate void WeightPacker(Span<byte> destination);

/// <summary>
/// The weights of one step in the layout of its kernel, aligned to <see cref="NativeBuffer.Alignment"/> bytes: those of the
/// file where it has them for this kernel, else packed into memory of their own.
/// </summary>
internal sealed unsafe class PackedWeights : IDisposable
{
    private readonly NativeBuffer? _buffer;
    private MemoryHandle _panel;

    /// <summary>The weights of a step made of one node.</summary>
    public PackedWeights(Node node, string kernelId, long bytes, WeightPacker pack, PrepareContext context, object? form = null)
        : this([node], kernelId, bytes, pack, context, form) { }

    /// <summary>
    /// The weights of a step made of <paramref name="nodes"/>. <paramref name="pack"/> may depend on the kernel, on these nodes,
    /// their values and constants, on <paramref name="form"/> as its text says it, for example the shape that a kernel is to
    /// work on, and on nothing else: that is what finds packed weights again (see <see cref="PanelKey"/>).
    /// </summary>
    public PackedWeights(ReadOnlySpan<Node> nodes, string kernelId, long bytes, WeightPacker pack, PrepareContext context, object? form = null)
    {
        if (bytes > int.MaxValue) throw new ModelException(ModelErrorKind.Unsupported, nodes[0].ToString(), $"{kernelId} needs {bytes} bytes for its weights, more than 2^31");
        byte[] key = [];
        if (context.Panels?.Next(nodes, kernelId, bytes, form, out key) is { } panel)
        {
            _panel = panel.Data.Pin();
            if ((nuint)_panel.Pointer % NativeBuffer.Alignment == 0) return;
            _panel.Dispose();
        }
        _buffer = new NativeBuffer(bytes);
        pack(_buffer.Span<byte>(0, (int)bytes));
        context.Panels?.Add(nodes[0], kernelId, key, _buffer.Span<byte>(0, (int)bytes));
    }

    /// <summary>First byte; valid until disposal.</summary>
    public byte* Pointer => _buffer is null ? (byte*)_panel.Pointer : _buffer.Pointer;

    /// <summary>Bytes of memory taken for them: none where they lie in the file.</summary>
    public long Bytes => _buffer?.Length ?? 0;

    public void Dispose()
    {
        _panel.Dispose();
        _buffer?.Dispose();
    }
}
