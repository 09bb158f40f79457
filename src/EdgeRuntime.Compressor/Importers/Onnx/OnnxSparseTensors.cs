using System.Runtime.InteropServices;
using EdgeRuntime.Compressor.Onnx;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>Turns a SparseTensorProto, values with linear indices [n] or coordinates [n, rank], into a dense tensor.</summary>
internal static class OnnxSparseTensors
{
    /// <summary>Most bytes that a sparse tensor may unfold to.</summary>
    private const long Limit = 1L << 30;

    /// <summary>The dense tensor.</summary>
    /// <exception cref="ModelException">The tensor is damaged, or its type is not supported.</exception>
    public static Tensor Read(SparseTensorProto proto, string? folder)
    {
        if (proto.Values is null || proto.Indices is null) throw Damaged("a sparse tensor without values or indices");
        Tensor values = OnnxTensors.Read(proto.Values, folder), indices = OnnxTensors.Read(proto.Indices, folder);
        if (indices.Type != ElementType.Int64 || values.Shape.Rank != 1) throw Damaged($"a sparse tensor with values {values} and indices {indices}");
        if (proto.Dims.Count is 0 or > TensorShape.MaxRank || proto.Dims.Any(d => d is < 0 or > int.MaxValue)) throw Damaged("a sparse tensor with bad dimensions");
        TensorShape shape = new([.. proto.Dims.Select(d => (int)d)]);
        int size = values.Type.Bits() / 8, count = values.Count, rank = shape.Rank;
        if (size == 0) throw new ModelException(ModelErrorKind.Unsupported, "", $"a sparse tensor of {values.Type}");
        if (shape.Dimensions.ToArray().Aggregate(1.0, (a, d) => a * d) * size > Limit) throw Damaged($"a sparse tensor of dimensions {shape}");
        bool linear = indices.Shape == new TensorShape(count);
        if (!linear && indices.Shape != new TensorShape(count, rank)) throw Damaged($"a sparse tensor with {count} values and indices {indices}");
        byte[] dense = new byte[shape.ElementCount * size];
        ReadOnlySpan<long> at = MemoryMarshal.Cast<byte, long>(indices.Data.Span);
        ReadOnlySpan<byte> from = values.Data.Span;
        for (int i = 0; i < count; i++)
        {
            long element = linear ? at[i] : Element(at.Slice(i * rank, rank), shape);
            if (element < 0 || element >= shape.ElementCount) throw Damaged($"a sparse tensor with an index outside {shape}");
            from.Slice(i * size, size).CopyTo(dense.AsSpan((int)element * size));
        }
        return new Tensor(values.Type, shape, dense);
    }

    private static long Element(ReadOnlySpan<long> coordinates, TensorShape shape)
    {
        long element = 0;
        for (int d = 0; d < coordinates.Length; d++)
        {
            if (coordinates[d] < 0 || coordinates[d] >= shape[d]) return -1;
            element = element * shape[d] + coordinates[d];
        }
        return element;
    }

    private static ModelException Damaged(string message) => new(ModelErrorKind.InvalidSource, "", message);
}
