using System.Runtime.InteropServices;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Inference;

/// <summary>What is known about a data file besides its elements.</summary>
/// <param name="Quantization">How its integers stand for reals; null where they are plain numbers or already the input's own integers.</param>
/// <param name="Layout">Order of its dimensions, <c>nhwc</c> or <c>nchw</c>; null where it is the input's.</param>
public sealed record DataDescription(QuantizationParameters? Quantization = null, string? Layout = null);

/// <summary>
/// The samples for one input of a network, cut out of a data file that holds them stacked on the first axis, and brought
/// to the input's type, quantisation and layout one at a time.
/// </summary>
public sealed class InputSamples
{
    private readonly ValueInfo _input;
    private readonly Tensor _data;
    private readonly QuantizationParameters? _quantization;
    private readonly int[]? _order;
    private readonly int _elements;

    /// <summary>Checks that <paramref name="data"/> fits <paramref name="input"/>.</summary>
    /// <exception cref="ModelException">It does not; the message says what would make it fit.</exception>
    public InputSamples(ValueInfo input, Tensor data, DataDescription? description = null)
    {
        description ??= new DataDescription();
        _input = input;
        _data = data;
        _quantization = description.Quantization;
        _elements = checked((int)input.Shape.ElementCount);
        if (data.Count == 0 || data.Count % _elements != 0)
            throw Bad($"{data} has {data.Count} elements, no multiple of the {_elements} of one sample {input.Shape}");
        Count = data.Count / _elements;
        _order = OrderOf(description.Layout);
        CheckTypes();
    }

    /// <summary>Number of samples.</summary>
    public int Count { get; }

    /// <summary>Writes a sample as the input wants it.</summary>
    /// <param name="index">Which, from 0.</param>
    /// <param name="destination">The input's bytes.</param>
    public void Copy(int index, Span<byte> destination)
    {
        bool isSame = _data.Type == _input.Type && (_quantization is null || _input.Quantization is null || _quantization.Equals(_input.Quantization));
        int size = _data.Type.Bits() / 8;
        ReadOnlySpan<byte> sample = _data.Data.Span.Slice(index * _elements * size, _elements * size);
        if (isSame && _order is null)
        {
            sample.CopyTo(destination);
            return;
        }
        for (int i = 0; i < _elements; i++)
        {
            int from = _order is null ? i : _order[i];
            if (isSame) sample.Slice(from * size, size).CopyTo(destination[(i * size)..]);
            else Store(destination, i, Real(sample, from));
        }
    }

    /// <summary>A sample as a tensor of the input's type and shape.</summary>
    public Tensor this[int index]
    {
        get
        {
            byte[] bytes = new byte[_input.ByteCount];
            Copy(index, bytes);
            return new Tensor(_input.Type, _input.Shape, bytes);
        }
    }

    private float Real(ReadOnlySpan<byte> sample, int index)
    {
        if (_data.Type == ElementType.Float32) return MemoryMarshal.Cast<byte, float>(sample)[index];
        if (_data.Type == ElementType.Float16) return (float)MemoryMarshal.Cast<byte, Half>(sample)[index];
        int q = _data.Type switch
        {
            ElementType.Int8 => (sbyte)sample[index],
            ElementType.UInt8 or ElementType.Bool => sample[index],
            ElementType.Int16 => MemoryMarshal.Cast<byte, short>(sample)[index],
            ElementType.Int32 => MemoryMarshal.Cast<byte, int>(sample)[index],
            _ => (int)MemoryMarshal.Cast<byte, long>(sample)[index],
        };
        return _quantization is { } p ? Requantize.Dequantize(q, p.Scale, p.ZeroPoint) : q;
    }

    private void Store(Span<byte> destination, int index, float value)
    {
        if (_input.Type == ElementType.Float32)
        {
            MemoryMarshal.Cast<byte, float>(destination)[index] = value;
            return;
        }
        QuantizationParameters p = _input.Quantization!;
        int q = Requantize.Quantize(value, p.Scale, p.ZeroPoint, _input.Type.MinValue(), _input.Type.MaxValue());
        if (_input.Type == ElementType.Int16) MemoryMarshal.Cast<byte, short>(destination)[index] = (short)q;
        else destination[index] = (byte)q;
    }

    /// <summary>
    /// Where each element of the input stands in a sample of the file; null for the same order. Dimensions of 1 don't
    /// count: [1000,49,10] fits [1,1,49,10].
    /// </summary>
    private int[]? OrderOf(string? layout)
    {
        int[] sample = SampleDimensions();
        int[] wanted = Squeeze(_input.Shape.Dimensions), rows = sample.Length > 0 ? [] : Squeeze(_data.Shape.Dimensions[1..]);
        if (!wanted.AsSpan().EndsWith(rows)) throw Bad($"{_data} holds no samples of {_input.Shape} stacked on the first axis");
        if (sample.Length < 2 || wanted.Length < 2 || sample.AsSpan().SequenceEqual(wanted)) return null;
        if (_input.Shape.Rank == 4 && _input.Shape[0] == 1)
        {
            var d = _input.Shape.Dimensions;
            // nhwc data into an nchw input, or the reverse.
            if (layout == "nhwc" && sample.AsSpan().SequenceEqual(Squeeze([d[2], d[3], d[1]]))) return Permuted(d[1], d[2], d[3], fromChannelsLast: true);
            if (layout == "nchw" && sample.AsSpan().SequenceEqual(Squeeze([d[3], d[1], d[2]]))) return Permuted(d[1], d[2], d[3], fromChannelsLast: false);
        }
        throw Bad($"samples of [{string.Join(",", sample)}] don't fit {_input.Shape}; if only the order of dimensions differs, say so with --data-layout nhwc or nchw");
    }

    /// <summary>The trailing dimensions of the file that make up one sample, without ones; empty where none do, as in flat files and those of rows, some of which make a sample.</summary>
    private int[] SampleDimensions()
    {
        var d = _data.Shape.Dimensions;
        for (int first = d.Length - 1; first >= 0; first--)
        {
            long count = _data.Shape.CountOf(first, d.Length);
            if (count == _elements) return Squeeze(d[first..]);
            if (count > _elements) break;
        }
        return [];
    }

    private int[] Permuted(int a, int b, int c, bool fromChannelsLast)
    {
        int[] order = new int[_elements];
        int i = 0;
        for (int x = 0; x < a; x++)
            for (int y = 0; y < b; y++)
                for (int z = 0; z < c; z++)
                    // Input [a,b,c] is [C,H,W] fed from [H,W,C], or [H,W,C] fed from [C,H,W].
                    order[i++] = fromChannelsLast ? (y * c + z) * a + x : (z * a + x) * b + y;
        return order;
    }

    private void CheckTypes()
    {
        if (_data.Type.Bits() < 8) throw Bad($"data of type {_data.Type} can't be fed");
        if (_data.Type is ElementType.Float32 or ElementType.Float16 && _quantization is not null)
            throw Bad("the data are real numbers already; leave out --data-scale and --data-zero-point");
        if (_data.Type == _input.Type) return;
        if (_input.Type == ElementType.Float32)
        {
            if (_data.Type == ElementType.Int8 && _quantization is null)
                throw Bad("int8 data for a float input: give --data-scale and --data-zero-point, which say what real numbers they stand for");
            return;
        }
        if (_input.Quantization is not { IsPerTensor: true } || _input.Type is not (ElementType.Int8 or ElementType.UInt8 or ElementType.Int16))
            throw Bad($"{_data.Type} data can't be brought to {_input}; give {_input.Type}");
        if (_data.Type is not (ElementType.Float32 or ElementType.Float16) && _quantization is null)
            throw Bad($"{_data.Type} data for {_input}: give --data-scale and --data-zero-point, which say what real numbers they stand for");
    }

    private static int[] Squeeze(ReadOnlySpan<int> dimensions)
    {
        List<int> kept = [];
        foreach (int d in dimensions)
            if (d != 1) kept.Add(d);
        return [.. kept];
    }

    private ModelException Bad(string message) => new(ModelErrorKind.InvalidData, $"input {_input.Name}", message);
}
