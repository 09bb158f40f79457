namespace EdgeRuntime.Model;

/// <summary>What is wrong with a model.</summary>
public enum ModelErrorKind
{
    /// <summary>The graph breaks a rule of the IR: a shape, a type, a missing or dangling value.</summary>
    InvalidGraph,

    /// <summary>The network uses something the project does not implement.</summary>
    Unsupported,

    /// <summary>The source file (ONNX, TFLite) is damaged or is not of that format.</summary>
    InvalidSource,

    /// <summary>The packed file is damaged, too new, or beyond the format's limits: see <see cref="ModelFormatException"/>.</summary>
    InvalidFile,

    /// <summary>Given data does not fit the model: wrong shape, type, name or count.</summary>
    InvalidData,
}

/// <summary>A model, or data given to it, can't be used. The message names the place and the remedy.</summary>
public class ModelException : Exception
{
    /// <summary>Creates the error.</summary>
    /// <param name="kind">What is wrong.</param>
    /// <param name="place">The node, value or file part concerned.</param>
    /// <param name="message">What is wrong there and what to do about it.</param>
    /// <param name="inner">The cause, if another error led here.</param>
    public ModelException(ModelErrorKind kind, string place, string message, Exception? inner = null)
        : base(place.Length == 0 ? message : $"{place}: {message}", inner)
    {
        Kind = kind;
        Place = place;
    }

    /// <summary>What is wrong.</summary>
    public ModelErrorKind Kind { get; }

    /// <summary>The node, value or file part concerned.</summary>
    public string Place { get; }
}
