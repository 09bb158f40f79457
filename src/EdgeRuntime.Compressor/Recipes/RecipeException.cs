using EdgeRuntime.Model;

namespace EdgeRuntime.Compressor;

/// <summary>A recipe can't be followed: unknown pass or option, or a value out of range. The message names what is known.</summary>
public sealed class RecipeException : ModelException
{
    /// <summary>Creates the error.</summary>
    /// <param name="place">The recipe's file, and the pass concerned.</param>
    /// <param name="message">What is wrong, and what would be right.</param>
    /// <param name="inner">The cause, if another error led here.</param>
    public RecipeException(string place, string message, Exception? inner = null)
        : base(ModelErrorKind.InvalidData, place, message, inner)
    {
    }
}
