using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>
/// A TFLite tensor's SparsityParameters. The tensor's dimensions and, behind them, the sides of its blocks are visited in
/// <c>traversal_order</c>; each level either has all its indices or, compressed, lists for every place of the level before
/// it the indices that are there.
/// </summary>
internal sealed class TfLiteSparsity
{
    private readonly FlatBuffer _buffer;
    private readonly long _position;
    private readonly int[] _order, _blockMap;
    private readonly Level[] _levels;

    /// <summary>Reads the table; sizes are checked against a shape by <see cref="Expand"/>.</summary>
    public TfLiteSparsity(FlatTable table, FlatBuffer buffer)
    {
        _buffer = buffer;
        _position = table.Position;
        _order = table.Scalars<int>(0);
        _blockMap = table.Scalars<int>(1);
        _levels = Array.ConvertAll(table.Tables(2), t => new Level(t.Scalar<byte>(0) != 0, t.Scalar<int>(1), Vector(t, 2), Vector(t, 4)));
    }

    /// <summary>The dense bytes of a tensor of elements of <paramref name="size"/> bytes.</summary>
    /// <exception cref="FlatBufferException">The parameters don't fit the shape, or the values.</exception>
    public byte[] Expand(ReadOnlySpan<byte> values, TensorShape shape, int size)
    {
        int rank = shape.Rank, levels = rank + _blockMap.Length;
        if (_order.Length != levels || _levels.Length != levels || !_order.Order().SequenceEqual(Enumerable.Range(0, levels))
            || _blockMap.Any(d => d < 0 || d >= rank) || _blockMap.Distinct().Count() != _blockMap.Length)
            throw Bad($"{_levels.Length} levels for rank {rank} and {_blockMap.Length} blocks");
        int[] blocks = [.. Enumerable.Repeat(1, rank)], sizes = new int[levels];
        for (int i = 0; i < levels; i++)
            if (_order[i] >= rank)
            {
                int dimension = _blockMap[_order[i] - rank], side = sizes[i] = _levels[i].IsCompressed ? 0 : _levels[i].Size;
                if (side < 1 || shape[dimension] % side != 0) throw Bad($"blocks of {side} on dimension {dimension} of {shape}");
                blocks[dimension] = side;
            }
        for (int i = 0; i < levels; i++)
            if (_order[i] < rank)
            {
                sizes[i] = shape[_order[i]] / blocks[_order[i]];
                if (!_levels[i].IsCompressed && _levels[i].Size != sizes[i]) throw Bad($"level {i} has size {_levels[i].Size} where {sizes[i]} is expected");
            }
        byte[] dense = new byte[shape.ElementCount * size];
        long[] strides = new long[levels];
        for (int i = 0; i < levels; i++)
        {
            int dimension = _order[i] < rank ? _order[i] : _blockMap[_order[i] - rank];
            strides[i] = shape.CountOf(dimension + 1, rank) * (_order[i] < rank ? blocks[dimension] : 1);
        }
        int used = Visit(values, dense, size, sizes, strides, 0, 0, 0);
        return used * (long)size == values.Length ? dense : throw Bad($"{values.Length} bytes of values where {used} elements of {size} are stored");
    }

    /// <summary>The pattern in the file's own words: blocks of the outermost and the innermost dimension, else anywhere.</summary>
    public Sparsity Pattern(TensorShape shape)
    {
        int rank = shape.Rank, rows = 1, columns = 1;
        for (int i = 0; i < _order.Length; i++)
        {
            if (_order[i] < rank) continue;
            int dimension = _blockMap[_order[i] - rank];
            if (dimension == 0) rows = _levels[i].Size;
            else if (dimension == rank - 1) columns = _levels[i].Size;
            else return Sparsity.Unstructured;
        }
        return rows * columns == 1 || rows > Sparsity.MaxSide || columns > Sparsity.MaxSide ? Sparsity.Unstructured : new Sparsity(SparsityKind.Block, rows, columns);
    }

    /// <summary>Visits a level at <paramref name="place"/> of it; returns the places that it and those below have had.</summary>
    private int Visit(ReadOnlySpan<byte> values, byte[] dense, int size, int[] sizes, long[] strides, int level, long place, long element)
    {
        if (level == sizes.Length)
        {
            if ((place + 1) * size > values.Length) throw Bad($"element {place} of {values.Length / size}");
            values.Slice((int)place * size, size).CopyTo(dense.AsSpan((int)element * size));
            return 1;
        }
        Level l = _levels[level];
        int count = 0;
        if (!l.IsCompressed)
        {
            for (int i = 0; i < sizes[level]; i++) count += Visit(values, dense, size, sizes, strides, level + 1, place * sizes[level] + i, element + i * strides[level]);
            return count;
        }
        if (place + 1 >= l.Segments.Length || l.Segments[place] < 0 || l.Segments[place + 1] > l.Indices.Length) throw Bad($"segment {place} of level {level}");
        for (int i = l.Segments[place], last = -1; i < l.Segments[place + 1]; i++)
        {
            int index = l.Indices[i];
            if (index <= last || index >= sizes[level]) throw Bad($"index {index} of {sizes[level]} on level {level}, after {last}");
            last = index;
            count += Visit(values, dense, size, sizes, strides, level + 1, i, element + index * strides[level]);
        }
        return count;
    }

    /// <summary>A SparseIndexVector: a union of vectors of int32, uint16 and uint8.</summary>
    private int[] Vector(FlatTable level, int field)
    {
        if (level.Table(field + 1) is not { } table) return [];
        return level.Scalar<byte>(field) switch
        {
            1 => table.Scalars<int>(0),
            2 => Array.ConvertAll(table.Scalars<ushort>(0), v => (int)v),
            3 => Array.ConvertAll(table.Scalars<byte>(0), v => (int)v),
            var kind => throw _buffer.Bad(table.Position, $"a vector of sparse indices of kind {kind}"),
        };
    }

    private FlatBufferException Bad(string message) => _buffer.Bad(_position, "sparsity: " + message);

    private readonly record struct Level(bool IsCompressed, int Size, int[] Segments, int[] Indices);
}
