using EdgeRuntime.Tensors;

namespace EdgeRuntime.Model;

/// <summary>
/// A value of the graph: an input, a constant, or what a node produces. Quantisation is a property of the value: an
/// integer value with <see cref="Quantization"/> stands for the real numbers scale · (q − zeroPoint).
/// </summary>
public sealed class ValueInfo
{
    /// <summary>Creates a value.</summary>
    public ValueInfo(string name, ElementType type, TensorShape shape, QuantizationParameters? quantization = null)
    {
        Name = name;
        Type = type;
        Shape = shape;
        Quantization = quantization;
    }

    /// <summary>Creates a constant.</summary>
    public ValueInfo(string name, Tensor constant, QuantizationParameters? quantization = null)
        : this(name, constant.Type, constant.Shape, quantization) => Constant = constant;

    /// <summary>Unique in its graph.</summary>
    public string Name { get; set; }

    /// <summary>Element type.</summary>
    public ElementType Type { get; set; }

    /// <summary>Static shape.</summary>
    public TensorShape Shape { get; set; }

    /// <summary>How integers stand for reals; null where they are plain integers, or floats.</summary>
    public QuantizationParameters? Quantization { get; set; }

    /// <summary>The contents of a constant, else null.</summary>
    public Tensor? Constant { get; set; }

    /// <summary>Where the zeros of a constant lie, if it is to be stored without them; null where all elements are stored.</summary>
    public Sparsity? Sparsity { get; set; }

    /// <summary>Whether the contents are known.</summary>
    public bool IsConstant => Constant is not null;

    /// <summary>Bytes of the dense value.</summary>
    public long ByteCount => Type.ByteCount(Shape.ElementCount);

    /// <summary>Bytes of an activation while the network runs: signs are padded to whole words, see <see cref="BitPacked"/>.</summary>
    public long RuntimeBytes => Type == ElementType.Binary && !IsConstant ? BitPacked.ByteCount(Shape) : ByteCount;

    /// <summary>Bytes that the contents take in a file.</summary>
    public long StoredBytes => Sparsity is { } sparsity && Constant is { } constant ? sparsity.StoredBytes(constant) : ByteCount;

    /// <summary>For messages and tables.</summary>
    public override string ToString() => $"{Name} {Type} {Shape}" + (Quantization is null ? "" : $" {Quantization}") + (Sparsity is null ? "" : $" {Sparsity}");
}
