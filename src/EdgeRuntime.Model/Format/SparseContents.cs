using System.Buffers.Binary;
using System.Numerics;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Model;

/// <summary>
/// The contents of a sparse constant (SPEC.md, section 5). Everything is checked once, before anything of the dense size is
/// allocated; what passed can be decoded at any time.
/// </summary>
internal sealed class SparseContents
{
    private const int HeaderBytes = 12;

    private readonly ElementType _type;
    private readonly Sparsity _sparsity;
    private readonly int _rows, _columns, _blockRows, _blockColumns, _gridColumns, _blocks;

    public SparseContents(ElementType type, TensorShape shape, Sparsity sparsity)
    {
        _type = type;
        _sparsity = sparsity;
        (_rows, _columns) = Sparsity.MatrixOf(shape);
        (_blockRows, _blockColumns) = sparsity.Kind == SparsityKind.NM ? (1, sparsity.Second) : (sparsity.First, sparsity.Second);
        _gridColumns = (_columns + _blockColumns - 1) / _blockColumns;
        _blocks = (_rows + _blockRows - 1) / _blockRows * _gridColumns;
    }

    private bool IsNM => _sparsity.Kind == SparsityKind.NM;

    /// <summary>Bits of a place in a group of m.</summary>
    private int PlaceBits => BitOperations.Log2((uint)_blockColumns - 1) + 1;

    /// <summary>What is wrong with <paramref name="stored"/>; null if nothing is.</summary>
    public string? Check(ReadOnlySpan<byte> stored) => IsNM ? CheckPlaces(stored) : CheckGaps(stored);

    /// <summary>The dense contents of bytes that passed <see cref="Check"/>.</summary>
    public byte[] Decode(ReadOnlySpan<byte> stored)
    {
        int size = SparseElements.Size(_type);
        byte[] dense = new byte[_rows * _columns * size];
        List<int> indices = IsNM ? Places(stored) : PresentElements(stored);
        SparseElements values = SparseElements.Of(_type, stored[IndexBytes(stored)..]);
        for (int i = 0; i < indices.Count; i++) values[i].CopyTo(dense.AsSpan(indices[i] * size));
        return SparseElements.Pack(_type, dense);
    }

    /// <summary>The shortest form of <paramref name="dense"/>, whose zeros fit the pattern.</summary>
    public byte[] Encode(ReadOnlySpan<byte> dense)
    {
        SparseElements elements = SparseElements.Of(_type, dense);
        List<int> indices = [];
        byte[] index = IsNM ? EncodePlaces(elements, indices) : EncodeGaps(elements, indices);
        int size = SparseElements.Size(_type);
        byte[] values = new byte[indices.Count * size];
        for (int i = 0; i < indices.Count; i++) elements[indices[i]].CopyTo(values.AsSpan(i * size));
        return [.. index, .. SparseElements.Pack(_type, values)];
    }

    /// <summary>Bytes before the values.</summary>
    private int IndexBytes(ReadOnlySpan<byte> stored) => IsNM ? Align((long)Slots() * PlaceBits)
        : HeaderBytes + Align((long)BinaryPrimitives.ReadInt32LittleEndian(stored[4..]) * stored[8]);

    /// <summary>Whole bytes, a multiple of 4, of so many bits.</summary>
    private static int Align(long bits) => (int)((bits + 31) / 32 * 4);

    /// <summary>First element, rows and columns of a block, cut off at the edges.</summary>
    private (int First, int Rows, int Columns) Block(int block)
    {
        int row = block / _gridColumns * _blockRows, column = block % _gridColumns * _blockColumns;
        return (row * _columns + column, Math.Min(_blockRows, _rows - row), Math.Min(_blockColumns, _columns - column));
    }

    private string? CheckGaps(ReadOnlySpan<byte> stored)
    {
        if (stored.Length < HeaderBytes) return "it has no header";
        uint present = BinaryPrimitives.ReadUInt32LittleEndian(stored), symbols = BinaryPrimitives.ReadUInt32LittleEndian(stored[4..]);
        int width = stored[8];
        if (width is < 1 or > 8 || stored[9..HeaderBytes].ContainsAnyExcept((byte)0)) return $"gaps of {width} bits";
        if (present > _blocks || symbols > _blocks || HeaderBytes + (long)Align((long)symbols * width) > stored.Length) return $"{symbols} gaps can't be in {stored.Length} bytes";
        int end = IndexBytes(stored);
        if (BitPacking.HasSpareBits(stored[HeaderBytes..end], (long)symbols * width)) return "spare bits of the gaps are not 0";
        long at = 0, found = 0, elements = 0;
        int escape = (1 << width) - 1;
        for (int i = 0; i < symbols; i++)
        {
            int gap = BitPacking.Read(stored[HeaderBytes..end], (long)i * width, width);
            if (at >= _blocks || (gap != escape && at + gap >= _blocks)) return "its gaps lead beyond its end";
            at += gap;
            if (gap == escape) continue;
            (_, int rows, int columns) = Block((int)at++);
            elements += rows * columns;
            found++;
        }
        if (at < _blocks || found != present) return $"its gaps lead to {at} of {_blocks} with {found} of {present} present";
        return stored.Length == end + _type.ByteCount(elements) ? null : $"{stored.Length} bytes for {elements} elements";
    }

    private List<int> PresentElements(ReadOnlySpan<byte> stored)
    {
        List<int> indices = [];
        int symbols = BinaryPrimitives.ReadInt32LittleEndian(stored[4..]), width = stored[8], escape = (1 << width) - 1, at = 0;
        for (int i = 0; i < symbols; i++)
        {
            int gap = BitPacking.Read(stored[HeaderBytes..], (long)i * width, width);
            at += gap;
            if (gap != escape) AddBlock(indices, at++);
        }
        return indices;
    }

    private void AddBlock(List<int> indices, int block)
    {
        (int first, int rows, int columns) = Block(block);
        for (int r = 0; r < rows; r++)
            for (int c = 0; c < columns; c++) indices.Add(first + r * _columns + c);
    }

    private byte[] EncodeGaps(SparseElements elements, List<int> indices)
    {
        List<int> gaps = [];
        int last = -1;
        for (int block = 0; block < _blocks; block++)
        {
            if (IsZero(elements, block)) continue;
            gaps.Add(block - last - 1);
            last = block;
            AddBlock(indices, block);
        }
        int tail = _blocks - last - 1;
        int width = Enumerable.Range(1, 8).MinBy(w => Symbols(gaps, tail, w) * w);
        int symbols = (int)Symbols(gaps, tail, width), escape = (1 << width) - 1, at = 0;
        byte[] stored = new byte[HeaderBytes + Align((long)symbols * width)];
        BinaryPrimitives.WriteInt32LittleEndian(stored, gaps.Count);
        BinaryPrimitives.WriteInt32LittleEndian(stored.AsSpan(4), symbols);
        stored[8] = (byte)width;
        foreach (int gap in gaps)
        {
            for (int left = gap; ; left -= escape)
            {
                BitPacking.Write(stored.AsSpan(HeaderBytes), (long)at++ * width, Math.Min(left, escape));
                if (left < escape) break;
            }
        }
        for (; at < symbols; at++) BitPacking.Write(stored.AsSpan(HeaderBytes), (long)at * width, escape);
        return stored;
    }

    private bool IsZero(SparseElements elements, int block)
    {
        (int first, int rows, int columns) = Block(block);
        for (int r = 0; r < rows; r++)
            for (int c = 0; c < columns; c++)
                if (!elements.IsZero(first + r * _columns + c)) return false;
        return true;
    }

    private static long Symbols(List<int> gaps, int tail, int width)
    {
        int escape = (1 << width) - 1;
        long count = (tail + escape - 1) / escape;
        foreach (int gap in gaps) count += gap / escape + 1;
        return count;
    }

    /// <summary>Elements stored for the n:m pattern: n of a group, or all where it is cut off to fewer.</summary>
    private int Slots() => checked(_rows * (_columns / _blockColumns * _sparsity.First + Math.Min(_sparsity.First, _columns % _blockColumns)));

    private string? CheckPlaces(ReadOnlySpan<byte> stored)
    {
        int bits = PlaceBits, end = Align((long)Slots() * bits);
        if (stored.Length != end + _type.ByteCount(Slots())) return $"{stored.Length} bytes for {Slots()} elements";
        if (BitPacking.HasSpareBits(stored[..end], (long)Slots() * bits)) return "spare bits of the places are not 0";
        long at = 0;
        for (int block = 0; block < _blocks; block++)
        {
            int last = -1;
            (_, _, int columns) = Block(block);
            for (int i = Math.Min(_sparsity.First, columns); i > 0; i--, at += bits)
            {
                int place = BitPacking.Read(stored[..end], at, bits);
                if (place <= last || place >= columns) return $"place {place} in a group of {columns}, after {last}";
                last = place;
            }
        }
        return null;
    }

    private List<int> Places(ReadOnlySpan<byte> stored)
    {
        List<int> indices = new(Slots());
        long at = 0;
        for (int block = 0; block < _blocks; block++)
        {
            (int first, _, int columns) = Block(block);
            for (int i = Math.Min(_sparsity.First, columns); i > 0; i--, at += PlaceBits) indices.Add(first + BitPacking.Read(stored, at, PlaceBits));
        }
        return indices;
    }

    /// <summary>The elements of a group that are not 0 and, where they are fewer than n, zeros from the group's end.</summary>
    private byte[] EncodePlaces(SparseElements elements, List<int> indices)
    {
        byte[] stored = new byte[Align((long)Slots() * PlaceBits)];
        long at = 0;
        List<int> places = [];
        for (int block = 0; block < _blocks; block++)
        {
            (int first, _, int columns) = Block(block);
            places.Clear();
            for (int c = 0; c < columns; c++)
                if (!elements.IsZero(first + c)) places.Add(c);
            for (int c = columns - 1; places.Count < Math.Min(_sparsity.First, columns); c--)
                if (elements.IsZero(first + c)) places.Add(c);
            places.Sort();
            foreach (int place in places)
            {
                BitPacking.Write(stored, at, place);
                at += PlaceBits;
                indices.Add(first + place);
            }
        }
        return stored;
    }
}
