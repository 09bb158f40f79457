using System.Collections.Immutable;

namespace EdgeRuntime.Tensors;

/// <summary>Dimensions of a tensor, outermost first. Immutable; equal by value. Rank 0 is a scalar.</summary>
public readonly struct TensorShape : IEquatable<TensorShape>
{
    /// <summary>Largest rank that the runtime handles.</summary>
    public const int MaxRank = 8;

    private readonly ImmutableArray<int> _dimensions;

    /// <summary>Creates a shape.</summary>
    /// <exception cref="ArgumentException">The rank is above <see cref="MaxRank"/>, or a dimension is negative.</exception>
    public TensorShape(params ReadOnlySpan<int> dimensions)
    {
        if (dimensions.Length > MaxRank)
            throw new ArgumentException($"rank {dimensions.Length} is above {MaxRank}", nameof(dimensions));
        foreach (int d in dimensions)
            if (d < 0) throw new ArgumentException($"dimension {d} is negative", nameof(dimensions));
        _dimensions = [.. dimensions];
    }

    /// <summary>The shape of a scalar.</summary>
    public static TensorShape Scalar => default;

    /// <summary>The dimensions, outermost first.</summary>
    public ReadOnlySpan<int> Dimensions => _dimensions.IsDefault ? [] : _dimensions.AsSpan();

    /// <summary>Number of dimensions.</summary>
    public int Rank => _dimensions.IsDefault ? 0 : _dimensions.Length;

    /// <summary>Dimension <paramref name="axis"/>; negative axes count from the end, -1 being the innermost.</summary>
    public int this[int axis] => Dimensions[axis < 0 ? axis + Rank : axis];

    /// <summary>Product of all dimensions.</summary>
    /// <exception cref="OverflowException">It does not fit 64 bits.</exception>
    public long ElementCount
    {
        get
        {
            long count = 1;
            foreach (int d in Dimensions) count = checked(count * d);
            return count;
        }
    }

    /// <summary>Product of the dimensions in [<paramref name="from"/>, <paramref name="to"/>).</summary>
    public long CountOf(int from, int to)
    {
        long count = 1;
        for (int i = from; i < to; i++) count = checked(count * Dimensions[i]);
        return count;
    }

    /// <summary>A copy with dimension <paramref name="axis"/> replaced.</summary>
    public TensorShape With(int axis, int value)
    {
        int[] copy = Dimensions.ToArray();
        copy[axis < 0 ? axis + Rank : axis] = value;
        return new TensorShape(copy);
    }

    /// <summary>The shape seen after <paramref name="permutation"/>: result[i] = this[permutation[i]].</summary>
    public TensorShape Permute(ReadOnlySpan<int> permutation)
    {
        int[] result = new int[Rank];
        for (int i = 0; i < result.Length; i++) result[i] = Dimensions[permutation[i]];
        return new TensorShape(result);
    }

    /// <inheritdoc/>
    public bool Equals(TensorShape other) => Dimensions.SequenceEqual(other.Dimensions);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is TensorShape other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        HashCode hash = default;
        foreach (int d in Dimensions) hash.Add(d);
        return hash.ToHashCode();
    }

    /// <summary>For example <c>[1,49,10,1]</c>.</summary>
    public override string ToString() => "[" + string.Join(",", Dimensions.ToArray()) + "]";

    /// <summary>Equality by value.</summary>
    public static bool operator ==(TensorShape left, TensorShape right) => left.Equals(right);

    /// <summary>Inequality by value.</summary>
    public static bool operator !=(TensorShape left, TensorShape right) => !left.Equals(right);
}
