using EdgeRuntime.Tensors;

namespace EdgeRuntime.Training;

/// <summary>
/// A float tensor that gradients flow to. Parameters live for long and are made with the constructor; what a
/// <see cref="Tape"/> makes is valid until the tape is reset. Layout is row-major, images are channels-last (NHWC).
/// </summary>
public sealed class Variable
{
    /// <summary>A parameter that starts as <paramref name="data"/>, which it keeps.</summary>
    /// <exception cref="ArgumentException">The count of elements is not the shape's.</exception>
    public Variable(string name, TensorShape shape, float[] data, bool requiresGradient = true)
    {
        if (data.Length != shape.ElementCount) throw new ArgumentException($"{name}: {data.Length} elements for {shape}", nameof(data));
        Name = name;
        Shape = shape;
        Data = data;
        RequiresGradient = requiresGradient;
    }

    /// <summary>For messages, checkpoints and export.</summary>
    public string Name { get; }

    /// <summary>Dimensions.</summary>
    public TensorShape Shape { get; }

    /// <summary>The elements.</summary>
    public float[] Data { get; }

    /// <summary>d loss / d element after <see cref="Tape.Backward"/>; null where nothing flowed here.</summary>
    public float[]? Gradient { get; internal set; }

    /// <summary>Whether gradients are wanted.</summary>
    public bool RequiresGradient { get; set; }

    /// <summary>Number of elements.</summary>
    public int Count => Data.Length;

    /// <summary>For messages.</summary>
    public override string ToString() => $"{Name} {Shape}";
}
