namespace EdgeRuntime.Kernels;

/// <summary>The weights of a quantised recurrent layer, symmetric int8.</summary>
public sealed class RecurrentInt8Weights
{
    private long _slabs = -1;

    /// <summary>Takes W [D·G·H, I] and R [D·G·H, H].</summary>
    public RecurrentInt8Weights(sbyte[] input, sbyte[] recurrent)
    {
        Input = input;
        Recurrent = recurrent;
        HasMinimum = input.AsSpan().Contains(sbyte.MinValue) || recurrent.AsSpan().Contains(sbyte.MinValue);
    }

    /// <summary>W [D·G·H, I].</summary>
    public sbyte[] Input { get; }

    /// <summary>R [D·G·H, H].</summary>
    public sbyte[] Recurrent { get; }

    /// <summary>Whether a weight is −128: two products of it overflow 16 bits.</summary>
    public bool HasMinimum { get; }

    /// <summary>How many of all slabs, 8 units × 4 elements of a gate, hold a weight other than 0.</summary>
    internal long Slabs(in RecurrentCellShape shape)
    {
        if (_slabs >= 0) return _slabs;
        long count = 0;
        foreach ((sbyte[] weights, int length) in (ReadOnlySpan<(sbyte[], int)>)[(Input, shape.Inputs), (Recurrent, shape.Hidden)])
            for (int gate = 0; gate < shape.Directions * shape.Gates; gate++)
                for (int u = 0; u < shape.Hidden; u += 8)
                {
                    CellPanel panel = new(weights, length, gate * shape.Hidden + u, shape.Hidden, 1, Math.Min(8, shape.Hidden - u));
                    for (int k = 0; k < length; k += 4) count += panel.HasSlab(0, 0, k) ? 1 : 0;
                }
        return _slabs = count;
    }
}

/// <summary>The rows of some gates of some units, in their matrix.</summary>
internal readonly ref struct CellPanel(ReadOnlySpan<sbyte> matrix, int length, int firstRow, int hidden, int gates, int units)
{
    private readonly ReadOnlySpan<sbyte> _matrix = matrix;

    public int Length => length;

    public int Gates => gates;

    /// <summary>Units there are; a panel may have room for more.</summary>
    public int Units => units;

    public int Row(int gate, int unit) => firstRow + gate * hidden + unit;

    public ReadOnlySpan<sbyte> Weights(int gate, int unit) => _matrix.Slice(Row(gate, unit) * length, length);

    /// <summary>Whether a weight of 8 units × 4 elements is not 0.</summary>
    public bool HasSlab(int gate, int unit, int element)
    {
        int count = Math.Min(4, length - element);
        for (int u = unit; u < Math.Min(unit + 8, units); u++)
            if (Weights(gate, u).Slice(element, count).ContainsAnyExcept((sbyte)0)) return true;
        return false;
    }
}
