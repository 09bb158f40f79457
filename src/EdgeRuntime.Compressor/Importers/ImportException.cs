using EdgeRuntime.Model;

namespace EdgeRuntime.Compressor;

/// <summary>Something in a source network that the project does not implement.</summary>
/// <param name="Node">The node's name in the source, or what stands for it.</param>
/// <param name="Type">The source format's operator type.</param>
/// <param name="Domain">The operator's domain (ONNX) or "custom"; empty for the format's own operators.</param>
/// <param name="Reason">What exactly is not implemented.</param>
public sealed record UnsupportedOperator(string Node, string Type, string Domain, string Reason)
{
    /// <summary>For messages.</summary>
    public override string ToString() => $"{Node} ({(Domain.Length == 0 ? "" : Domain + ".")}{Type}): {Reason}";
}

/// <summary>A source network can't be imported. The message names file, node and remedy.</summary>
public sealed class ImportException : ModelException
{
    /// <summary>Creates the error.</summary>
    /// <param name="kind">What is wrong.</param>
    /// <param name="place">File and node.</param>
    /// <param name="message">What is wrong there and what to do about it.</param>
    /// <param name="inner">The cause, if another error led here.</param>
    public ImportException(ModelErrorKind kind, string place, string message, Exception? inner = null)
        : base(kind, place, message, inner) { }

    /// <summary>Creates the error that lists everything in <paramref name="source"/> that is not implemented.</summary>
    public ImportException(string source, IReadOnlyList<UnsupportedOperator> unsupported)
        : base(ModelErrorKind.Unsupported, source, Describe(unsupported)) => Unsupported = unsupported;

    /// <summary>All that is not implemented, in the source's order; empty where the error is another.</summary>
    public IReadOnlyList<UnsupportedOperator> Unsupported { get; } = [];

    private static string Describe(IReadOnlyList<UnsupportedOperator> unsupported)
    {
        string types = string.Join(", ", unsupported.Select(u => u.Type).Distinct().Order(StringComparer.Ordinal));
        return $"{unsupported.Count} nodes are not supported ({types}); export the network without them:"
            + string.Concat(unsupported.Select(u => "\n  " + u));
    }
}
