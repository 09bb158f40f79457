using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Kernels;

/// <summary>The product a · b of <see cref="Requantize"/> without a left shift, on vectors of one instruction set; |a| &lt; 2^30.</summary>
internal interface IRequantizeProduct
{
    /// <summary>(a · multiplier + 2^30) >> 31 in each lane.</summary>
    static abstract Vector128<int> Scale(Vector128<int> a, Vector128<int> multiplier);
}

/// <summary>Makes the outputs of one panel and a block of rows from counts of differing bits; see <see cref="BinaryLayout"/>.</summary>
internal readonly unsafe struct BinaryEpilogue
{
    private readonly ConvolutionBinaryCall _call;
    private readonly int* _rowClass, _columnClass, _bases, _constants;
    private readonly int _columnClasses, _paddedOut, _firstRow, _rowCount;
    private readonly ushort* _counts;
    private readonly long _output;

    public BinaryEpilogue(in ConvolutionBinaryCall call, in BinaryLayout layout, int group, int panel, int firstRow, in BinaryBlock block)
    {
        _call = call;
        (_firstRow, _rowCount) = (firstRow, block.RowCount);
        _counts = block.Counts;
        int column = panel * BinaryLayout.Columns, padded = group * layout.Panels * BinaryLayout.Columns + column;
        ColumnCount = Math.Min(BinaryLayout.Columns, call.Shape.OutPerGroup - column);
        _rowClass = (int*)call.Packed;
        _columnClass = _rowClass + call.Shape.OutHeight;
        _bases = (int*)(call.Packed + layout.BaseOffset) + padded;
        _constants = (int*)(call.Packed + layout.ConstantOffset) + padded;
        (_columnClasses, _paddedOut) = (layout.ColumnClasses, layout.PaddedOut);
        _output = group * call.Shape.OutPerGroup + column;
    }

    /// <summary>Columns that exist.</summary>
    public int ColumnCount { get; }

    /// <summary>Plain loops.</summary>
    public void StoreScalar() => Store<Scalar>();

    /// <summary>All rows, eight columns at a time: counts and constants of a panel are there whatever its columns.</summary>
    public void Store<TProduct>() where TProduct : struct, IRequantizeProduct
    {
        int width = _call.Shape.OutWidth, height = _call.Shape.OutHeight, channels = _call.Shape.OutChannels;
        ushort* counts = _counts;
        for (int i = 0; i < _rowCount; i++, counts += BinaryLayout.Columns)
        {
            int position = _firstRow + i, line = position / width;
            int* bases = _bases + (long)(_rowClass[line % height] * _columnClasses + _columnClass[position - line * width]) * _paddedOut;
            switch (_call.OutputKind)
            {
                case BinaryOutput.Float32: Floats((float*)_call.Output + (long)position * channels + _output, counts, bases); break;
                case BinaryOutput.Int8: Integers<TProduct>((sbyte*)_call.Output + (long)position * channels + _output, counts, bases); break;
                default: ((ulong*)_call.Output)[(long)position * BitPacked.Words(channels) + _output / BitPacked.WordBits] = Signs(counts, bases); break;
            }
        }
    }

    /// <summary>bases − counts · 2^shift of eight columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector128<int> Low, Vector128<int> High) Sums(ushort* counts, int* bases, int shift)
    {
        (Vector128<uint> low, Vector128<uint> high) = Vector128.Widen(Vector128.Load(counts));
        return (Vector128.Load(bases) - (low.AsInt32() << shift), Vector128.Load(bases + 4) - (high.AsInt32() << shift));
    }

    private void Floats(float* y, ushort* counts, int* bases)
    {
        Vector128<float> min = Vector128.Create(_call.FloatMin), max = Vector128.Create(_call.FloatMax);
        float* scales = (float*)_constants, offsets = scales + _paddedOut;
        for (int c = 0; c < ColumnCount; c += 8)
        {
            (Vector128<int> low, Vector128<int> high) = Sums(counts + c, bases + c, 1);
            Vector128<float> a = Vector128.ConvertToSingle(low) * Vector128.Load(scales + c) + Vector128.Load(offsets + c);
            Vector128<float> b = Vector128.ConvertToSingle(high) * Vector128.Load(scales + c + 4) + Vector128.Load(offsets + c + 4);
            (a, b) = (Vector128.Min(Vector128.Max(a, min), max), Vector128.Min(Vector128.Max(b, min), max));
            if (c + 8 <= ColumnCount)
            {
                a.Store(y + c);
                b.Store(y + c + 4);
            }
            else
                for (int i = 0; c + i < ColumnCount; i++) y[c + i] = i < 4 ? a[i] : b[i - 4];
        }
    }

    private void Integers<TProduct>(sbyte* y, ushort* counts, int* bases) where TProduct : struct, IRequantizeProduct
    {
        for (int c = 0; c < ColumnCount; c += 8)
        {
            (Vector128<int> low, Vector128<int> high) = Sums(counts + c, bases + c, ConvolutionBinaryParameters.BiasBits + 1);
            low = Quantize<TProduct>(low, c);
            high = Quantize<TProduct>(high, c + 4);
            Vector128<short> words = Vector128.Narrow(low, high);
            Vector128<sbyte> bytes = Vector128.Narrow(words, words);
            if (c + 8 <= ColumnCount) *(long*)(y + c) = bytes.AsInt64().ToScalar();
            else
                for (int i = 0; c + i < ColumnCount; i++) y[c + i] = bytes[i];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Vector128<int> Quantize<TProduct>(Vector128<int> sums, int column) where TProduct : struct, IRequantizeProduct
    {
        Vector128<int> scaled = _call.Shift == 0 ? TProduct.Scale(sums, Vector128.Load(_constants + column))
            : Vector128.Create(Shifted(sums, column, 0), Shifted(sums, column, 1), Shifted(sums, column, 2), Shifted(sums, column, 3));
        // This bound leaves room for the zero point and changes nothing that the clamp would keep.
        scaled = Vector128.Min(Vector128.Max(scaled, Vector128.Create(-1 << 16)), Vector128.Create(1 << 16)) + Vector128.Create(_call.OutputZeroPoint);
        return Vector128.Min(Vector128.Max(scaled, Vector128.Create(_call.Min)), Vector128.Create(_call.Max));
    }

    private int Shifted(Vector128<int> sums, int column, int lane) => Requantize.Scale(sums[lane], _constants[column + lane], _call.Shift);

    private ulong Signs(ushort* counts, int* bases)
    {
        ulong word = 0;
        for (int c = 0; c < ColumnCount; c += 16)
            word |= (ulong)(~Vector128.Narrow(Negative(counts + c, bases + c), Negative(counts + c + 8, bases + c + 8)).ExtractMostSignificantBits() & 0xFFFF) << c;
        return ColumnCount == BinaryLayout.Columns ? word : word & ((1UL << ColumnCount) - 1);
    }

    // All ones where a sum is negative.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<short> Negative(ushort* counts, int* bases)
    {
        (Vector128<int> low, Vector128<int> high) = Sums(counts, bases, 1);
        return Vector128.Narrow(low >> 31, high >> 31);
    }

    private readonly struct Scalar : IRequantizeProduct
    {
        public static Vector128<int> Scale(Vector128<int> a, Vector128<int> multiplier) => Vector128.Create(
            Requantize.Scale(a[0], multiplier[0], 0), Requantize.Scale(a[1], multiplier[1], 0), Requantize.Scale(a[2], multiplier[2], 0), Requantize.Scale(a[3], multiplier[3], 0));
    }
}
