namespace EdgeRuntime.Tensors;

/// <summary>
/// How integers stand for real numbers: real = scale · (q − zeroPoint), one pair for the whole tensor, one per index of
/// <see cref="Axis"/>, or one per group of <see cref="GroupSize"/> consecutive elements of the innermost (reduction) axis.
/// </summary>
public sealed class QuantizationParameters : IEquatable<QuantizationParameters>
{
    private readonly float[] _scales;
    private readonly int[] _zeroPoints;

    /// <summary>Creates parameters.</summary>
    /// <param name="scales">One per tensor, channel or (channel, group), positive and finite.</param>
    /// <param name="zeroPoints">As many, or none for all zero (symmetric).</param>
    /// <param name="axis">The channel axis, or -1 for the whole tensor.</param>
    /// <param name="groupSize">Elements of a group along the innermost axis, or 0 for none.</param>
    /// <exception cref="ArgumentException">A scale is not positive and finite, or the counts differ.</exception>
    public QuantizationParameters(ReadOnlySpan<float> scales, ReadOnlySpan<int> zeroPoints = default, int axis = -1, int groupSize = 0)
    {
        if (scales.Length == 0) throw new ArgumentException("no scale", nameof(scales));
        if (zeroPoints.Length != 0 && zeroPoints.Length != scales.Length)
            throw new ArgumentException($"{zeroPoints.Length} zero points for {scales.Length} scales", nameof(zeroPoints));
        if (axis < 0 && groupSize == 0 && scales.Length != 1)
            throw new ArgumentException($"{scales.Length} scales without an axis", nameof(scales));
        for (int i = 0; i < scales.Length; i++)
            if (!(scales[i] > 0) || !float.IsFinite(scales[i]))
                throw new ArgumentException($"scale {i} is {scales[i]}; it must be positive and finite", nameof(scales));
        _scales = scales.ToArray();
        _zeroPoints = zeroPoints.Length == 0 ? new int[scales.Length] : zeroPoints.ToArray();
        Axis = axis;
        GroupSize = groupSize;
    }

    /// <summary>One pair for the whole tensor.</summary>
    public QuantizationParameters(float scale, int zeroPoint) : this([scale], [zeroPoint]) { }

    /// <summary>Scales, positive.</summary>
    public ReadOnlySpan<float> Scales => _scales;

    /// <summary>Zero points, as many as scales.</summary>
    public ReadOnlySpan<int> ZeroPoints => _zeroPoints;

    /// <summary>Channel axis, or -1.</summary>
    public int Axis { get; }

    /// <summary>Group size along the innermost axis, or 0.</summary>
    public int GroupSize { get; }

    /// <summary>Whether one pair serves the whole tensor.</summary>
    public bool IsPerTensor => _scales.Length == 1 && GroupSize == 0;

    /// <summary>Whether every zero point is 0.</summary>
    public bool IsSymmetric => !_zeroPoints.AsSpan().ContainsAnyExcept(0);

    /// <summary>The only scale of a per-tensor quantisation.</summary>
    public float Scale => IsPerTensor ? _scales[0] : throw new InvalidOperationException("quantised per channel");

    /// <summary>The only zero point of a per-tensor quantisation.</summary>
    public int ZeroPoint => IsPerTensor ? _zeroPoints[0] : throw new InvalidOperationException("quantised per channel");

    /// <summary>Index into scales and zero points of element <paramref name="element"/> of a tensor of shape <paramref name="shape"/>.</summary>
    public int ChannelOf(TensorShape shape, long element)
    {
        if (IsPerTensor) return 0;
        long inner = shape.CountOf(Axis + 1, shape.Rank), channel = Axis < 0 ? 0 : element / inner % shape[Axis];
        return (int)(GroupSize == 0 ? channel : channel * ((inner + GroupSize - 1) / GroupSize) + element % inner / GroupSize);
    }

    /// <summary>The real numbers that the integers of <paramref name="tensor"/> stand for.</summary>
    public float[] Dequantize(Tensor tensor)
    {
        int[] integers = tensor.ToInts();
        float[] reals = new float[integers.Length];
        for (int i = 0; i < reals.Length; i++)
        {
            int c = ChannelOf(tensor.Shape, i);
            reals[i] = Requantize.Dequantize(integers[i], _scales[c], _zeroPoints[c]);
        }
        return reals;
    }

    /// <summary>The same with all zero points moved by <paramref name="delta"/>.</summary>
    public QuantizationParameters ShiftZeroPoints(int delta) =>
        new(_scales, Array.ConvertAll(_zeroPoints, z => checked(z + delta)), Axis, GroupSize);

    /// <inheritdoc/>
    public bool Equals(QuantizationParameters? other) => other is not null && Axis == other.Axis && GroupSize == other.GroupSize
        && Scales.SequenceEqual(other.Scales) && ZeroPoints.SequenceEqual(other.ZeroPoints);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as QuantizationParameters);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(_scales[0], _zeroPoints[0], _scales.Length, Axis, GroupSize);

    /// <summary>For example <c>0.0078·(q−128)</c> or <c>64 scales on axis 0</c>.</summary>
    public override string ToString() => IsPerTensor ? $"{Scale:G4}·(q−{ZeroPoint})"
        : $"{_scales.Length} scales on axis {Axis}" + (GroupSize > 0 ? $", groups of {GroupSize}" : "");
}
