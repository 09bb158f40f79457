using EdgeRuntime.Compressor.Onnx;
using EdgeRuntime.Tensors;
using Google.Protobuf;
using Xunit;
using static EdgeRuntime.Compressor.Onnx.TensorProto.Types;

namespace EdgeRuntime.Compressor.Tests;

/// <summary>Every element type, from raw bytes and from its typed field.</summary>
public static class OnnxTensorTests
{
    private static readonly float[] Numbers = [1, 2, 3];

    [Theory]
    [InlineData((int)DataType.Float, "0000803F0000004000004040", ElementType.Float32)]
    [InlineData((int)DataType.Double, "000000000000F03F00000000000000400000000000000840", ElementType.Float32)]
    [InlineData((int)DataType.Float16, "003C00400042", ElementType.Float32)]
    [InlineData((int)DataType.Bfloat16, "803F00404040", ElementType.Float32)]
    [InlineData((int)DataType.Int8, "010203", ElementType.Int8)]
    [InlineData((int)DataType.Uint8, "010203", ElementType.UInt8)]
    [InlineData((int)DataType.Int16, "010002000300", ElementType.Int16)]
    [InlineData((int)DataType.Uint16, "010002000300", ElementType.Int32)]
    [InlineData((int)DataType.Int32, "010000000200000003000000", ElementType.Int32)]
    [InlineData((int)DataType.Uint32, "010000000200000003000000", ElementType.Int64)]
    [InlineData((int)DataType.Int64, "010000000000000002000000000000000300000000000000", ElementType.Int64)]
    [InlineData((int)DataType.Uint64, "010000000000000002000000000000000300000000000000", ElementType.Int64)]
    [InlineData((int)DataType.Int4, "2103", ElementType.Int4)]
    [InlineData((int)DataType.Uint4, "2103", ElementType.UInt8)]
    public static void RawAndTypedDataAreRead(int type, string raw, ElementType expected)
    {
        byte[] bytes = Convert.FromHexString(raw);
        Tensor fromRaw = OnnxTensors.Read(Proto(type, t => t.RawData = ByteString.CopyFrom(bytes)), null);
        Tensor fromTyped = OnnxTensors.Read(Proto(type, t => Fill(t, (DataType)type, bytes)), null);
        foreach (Tensor t in new[] { fromRaw, fromTyped })
        {
            Assert.Equal((expected, new TensorShape(3)), (t.Type, t.Shape));
            Assert.Equal(Numbers, t.ToFloats());
        }
    }

    private static TensorProto Proto(int type, Action<TensorProto> fill)
    {
        TensorProto proto = new() { DataType = type };
        proto.Dims.Add(3);
        fill(proto);
        return proto;
    }

    /// <summary>The field that the standard names for each type; 16-bit floats as bits, nibbles two to an element.</summary>
    private static void Fill(TensorProto t, DataType type, byte[] raw)
    {
        switch (type)
        {
            case DataType.Float: t.FloatData.Add(Numbers); break;
            case DataType.Double: t.DoubleData.Add(Numbers.Select(v => (double)v)); break;
            case DataType.Int64: t.Int64Data.Add(Numbers.Select(v => (long)v)); break;
            case DataType.Uint64 or DataType.Uint32: t.Uint64Data.Add(Numbers.Select(v => (ulong)v)); break;
            case DataType.Float16 or DataType.Bfloat16: t.Int32Data.Add(Enumerable.Range(0, 3).Select(i => (int)BitConverter.ToUInt16(raw, 2 * i))); break;
            case DataType.Int4 or DataType.Uint4: t.Int32Data.Add(raw.Select(b => (int)b)); break;
            default: t.Int32Data.Add(Numbers.Select(v => (int)v)); break;
        }
    }
}
