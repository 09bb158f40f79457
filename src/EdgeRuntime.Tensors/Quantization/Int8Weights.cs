namespace EdgeRuntime.Tensors;

/// <summary>
/// Constant weights [O, …] of 1, 4 or 8 bits as the int8 numbers that integer kernels multiply, with one scale per output channel.
/// Nibbles n with zero points z of their own, per channel or per group, stand for s · (n − z); as int8 they become
/// <list type="bullet">
/// <item>per channel: n − z, exactly;</item>
/// <item>per group, symmetric, with scales that are m = 1 to 16 times a scale of their channel: n · m, exactly;</item>
/// <item>per group else: the nearest int8 to s · (n − z) / c, where the channel's scale c makes the largest 127: the
/// largest of the groups' steps is 16 of c or more, so that this rounding adds under 1 % to the error that the nibbles have.</item>
/// </list>
/// Whatever they are, sums of products are then plain int32 sums: the same on every processor, and requantised once.
/// </summary>
public sealed class Int8Weights
{
    /// <summary>Largest multiplier of a group: 8 · 16 is the largest magnitude of int8.</summary>
    public const int MaxMultiplier = 16;

    private Int8Weights(sbyte[] values, float[] scales) => (Values, Scales) = (values, scales);

    /// <summary>The weights, in their order.</summary>
    public sbyte[] Values { get; }

    /// <summary>One scale, or one per output channel.</summary>
    public float[] Scales { get; }

    /// <summary>Zero points, one per output channel; empty if all are 0.</summary>
    public int[] ZeroPoints { get; private init; } = [];

    /// <summary>4 if <see cref="Values"/> are numbers of −8 to 7 times <see cref="Multipliers"/>, 1 if they are −1 and +1, else 8.</summary>
    public int Bits { get; private init; } = 8;

    /// <summary>Weights of a group, if there are multipliers.</summary>
    public int GroupSize { get; private init; }

    /// <summary>Multipliers [O, groups], 1 to 16; empty if weights are not in groups of nibbles.</summary>
    public byte[] Multipliers { get; private init; } = [];

    /// <summary>The scale of output channel <paramref name="o"/>.</summary>
    public float Scale(int o) => Scales[Scales.Length == 1 ? 0 : o];

    /// <summary>Some rows, output channels, of all <paramref name="outputs"/>, in their order.</summary>
    public Int8Weights Take(IReadOnlyList<int> rows, int outputs)
    {
        int depth = Values.Length / Math.Max(1, outputs), groups = Multipliers.Length / Math.Max(1, outputs);
        T[] Of<T>(T[] all, int length) => [.. rows.SelectMany(o => all.AsSpan(o * length, length).ToArray())];
        return new(Of(Values, depth), Scales.Length == 1 ? Scales : Of(Scales, 1))
        {
            ZeroPoints = ZeroPoints.Length == 0 ? [] : Of(ZeroPoints, 1),
            Bits = Bits,
            GroupSize = GroupSize,
            Multipliers = Of(Multipliers, groups),
        };
    }

    /// <summary>Reads Int8 or Binary weights quantised per tensor or per output channel, or Int4 weights in groups as well; null if they are otherwise.</summary>
    public static Int8Weights? From(Tensor weights, QuantizationParameters q)
    {
        int outputs = weights.Shape[0];
        bool whole = q.GroupSize == 0 && (q.IsPerTensor || (q.Axis == 0 && q.Scales.Length == outputs));
        if (weights.Type is ElementType.Int8 or ElementType.Binary && whole)
        {
            int[] zeros = q.IsSymmetric ? [] : [.. Enumerable.Range(0, outputs).Select(o => q.ZeroPoints[q.IsPerTensor ? 0 : o])];
            sbyte[] numbers = weights.Type == ElementType.Int8 ? weights.AsSpan<sbyte>().ToArray() : Array.ConvertAll(weights.ToInts(), w => (sbyte)w);
            return new Int8Weights(numbers, q.Scales.ToArray()) { ZeroPoints = zeros, Bits = weights.Type.Bits() };
        }
        if (weights.Type != ElementType.Int4 || (!whole && (q.Axis != 0 || q.GroupSize == 0))) return null;
        int[] nibbles = weights.ToInts();
        int depth = nibbles.Length / Math.Max(1, outputs);
        if (!whole) return InGroups(nibbles, outputs, depth, q);
        sbyte[] values = new sbyte[nibbles.Length];
        for (int i = 0; i < values.Length; i++) values[i] = (sbyte)(nibbles[i] - q.ZeroPoints[q.IsPerTensor ? 0 : i / depth]);
        return new Int8Weights(values, q.Scales.ToArray()) { Bits = q.IsSymmetric ? 4 : 8 };
    }

    /// <summary>
    /// The nearest int8, one scale a row, to the product of two factors: <paramref name="first"/> [rows, rank], and of <paramref name="second"/> [·, columns] as many
    /// rows for every <paramref name="rowsOfFactor"/> rows of the product. In double precision, the same on every processor.
    /// </summary>
    public static Int8Weights Product(Int8Weights first, Int8Weights second, int rank, int columns, int rowsOfFactor)
    {
        int rows = first.Values.Length / rank;
        double[] products = new double[rows * columns];
        for (int o = 0; o < rows; o++)
        {
            Span<double> row = products.AsSpan(o * columns, columns);
            for (int k = 0; k < rank; k++)
            {
                int from = o / rowsOfFactor * rank + k;
                double factor = (double)first.Values[o * rank + k] * first.Scale(o) * second.Scale(from);
                for (int c = 0; c < columns; c++) row[c] += factor * second.Values[from * columns + c];
            }
        }
        // A row of next to nothing gets no scale in whose steps its bias is too large.
        double least = products.Select(Math.Abs).DefaultIfEmpty().Max() / 256;
        if (least == 0) least = sbyte.MaxValue / 1024.0;
        sbyte[] values = new sbyte[products.Length];
        float[] scales = new float[rows];
        for (int o = 0; o < rows; o++)
        {
            foreach (double p in products.AsSpan(o * columns, columns)) scales[o] = (float)Math.Max(scales[o], Math.Abs(p) / sbyte.MaxValue);
            scales[o] = (float)Math.Max(scales[o], least / sbyte.MaxValue);
            for (int c = o * columns; c < (o + 1) * columns; c++) values[c] = (sbyte)Math.Clamp(Math.Round(products[c] / scales[o]), -sbyte.MaxValue, sbyte.MaxValue);
        }
        return new Int8Weights(values, scales);
    }

    private static Int8Weights InGroups(int[] nibbles, int outputs, int depth, QuantizationParameters q)
    {
        int groups = (depth + q.GroupSize - 1) / q.GroupSize;
        sbyte[] values = new sbyte[nibbles.Length];
        float[] scales = new float[outputs];
        byte[] multipliers = new byte[outputs * groups];
        bool exact = q.IsSymmetric;
        for (int o = 0; o < outputs && exact; o++)
            exact = FindMultipliers(q.Scales.Slice(o * groups, groups), multipliers.AsSpan(o * groups, groups), out scales[o]);
        for (int o = 0; o < outputs; o++)
        {
            Span<sbyte> row = values.AsSpan(o * depth, depth);
            double Real(int k) => (double)q.Scales[o * groups + k / q.GroupSize] * (nibbles[o * depth + k] - q.ZeroPoints[o * groups + k / q.GroupSize]);
            if (!exact)
            {
                double largest = Enumerable.Range(0, depth).Max(k => Math.Abs(Real(k)));
                scales[o] = largest > 0 ? (float)(largest / sbyte.MaxValue) : q.Scales[o * groups];
            }
            for (int k = 0; k < depth; k++)
                row[k] = exact ? (sbyte)(nibbles[o * depth + k] * multipliers[o * groups + k / q.GroupSize])
                    : (sbyte)Math.Clamp(Math.Round(Real(k) / scales[o], MidpointRounding.ToEven), -sbyte.MaxValue, sbyte.MaxValue);
        }
        return exact ? new Int8Weights(values, scales) { Bits = 4, GroupSize = q.GroupSize, Multipliers = multipliers } : new Int8Weights(values, scales);
    }

    /// <summary>The smallest multipliers that the scales of one channel's groups are proportional to, to 1 in 10,000; false if there are none.</summary>
    public static bool FindMultipliers(ReadOnlySpan<float> scales, Span<byte> multipliers, out float unit)
    {
        double largest = 0;
        foreach (float s in scales) largest = Math.Max(largest, s);
        for (int most = 1; most <= MaxMultiplier; most++)
        {
            bool fits = true;
            for (int g = 0; g < scales.Length && fits; g++)
            {
                double ratio = scales[g] / largest * most;
                multipliers[g] = (byte)Math.Round(ratio);
                fits = multipliers[g] > 0 && Math.Abs(ratio - multipliers[g]) < 1e-4 * multipliers[g];
            }
            unit = (float)(largest / most);
            if (fits) return true;
        }
        unit = 0;
        return false;
    }
}
