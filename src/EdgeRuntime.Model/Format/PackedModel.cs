using EdgeRuntime.Tensors;

namespace EdgeRuntime.Model;

/// <summary>
/// A packed model that was read and validated. Constants of <see cref="Graph"/>, panels and golden tensors are windows
/// of the file: keep this object alive, and undisposed, as long as any of them is used.
/// </summary>
public sealed class PackedModel : IDisposable
{
    private readonly MappedFile? _file;

    internal PackedModel(Graph graph, ModelHeader header, IReadOnlyList<GoldenSample> golden, IReadOnlyList<PrepackedPanel> prepacked, MappedFile? file)
    {
        Graph = graph;
        Header = header;
        Golden = golden;
        Prepacked = prepacked;
        _file = file;
    }

    /// <summary>The network, which has passed <see cref="GraphValidator"/>.</summary>
    public Graph Graph { get; }

    /// <summary>Version, length, identity and sections.</summary>
    public ModelHeader Header { get; }

    /// <summary>Inputs with the outputs that they must give, for a health check.</summary>
    public IReadOnlyList<GoldenSample> Golden { get; }

    /// <summary>Weights in the layout of named kernels; one that does not fit is to be ignored.</summary>
    public IReadOnlyList<PrepackedPanel> Prepacked { get; }

    /// <summary>Bytes of the file.</summary>
    public long FileSize => Header.FileLength;

    /// <summary>The panel of <paramref name="nodeName"/> for kernel <paramref name="kernelId"/> made from what has the hash <paramref name="sourceHash"/>, or null.</summary>
    public PrepackedPanel? FindPanel(string nodeName, string kernelId, ReadOnlySpan<byte> sourceHash)
    {
        foreach (PrepackedPanel p in Prepacked)
            if (p.NodeName == nodeName && p.KernelId == kernelId && p.SourceHash.Span.SequenceEqual(sourceHash)) return p;
        return null;
    }

    /// <summary>Unmaps the file.</summary>
    public void Dispose() => _file?.Dispose();
}

/// <summary>Tensors for each graph input, in order, and those that the graph's outputs must then be.</summary>
public sealed record GoldenSample(IReadOnlyList<Tensor> Inputs, IReadOnlyList<Tensor> Outputs);

/// <summary>Weights of one node in the layout of one kernel.</summary>
/// <param name="NodeName">The node.</param>
/// <param name="KernelId">The kernel's stable id, for example <c>gemm-s8s8s32-8x8k4-neondot</c>.</param>
/// <param name="SourceHash">Hash of all that the panel was made from, 32 bytes; the runtime defines it.</param>
/// <param name="Data">The panel, which starts at a multiple of 64 bytes of the file.</param>
public sealed record PrepackedPanel(string NodeName, string KernelId, ReadOnlyMemory<byte> SourceHash, ReadOnlyMemory<byte> Data);
