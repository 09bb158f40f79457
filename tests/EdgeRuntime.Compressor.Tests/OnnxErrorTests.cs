using EdgeRuntime.Compressor.Onnx;
using EdgeRuntime.Model;
using Google.Protobuf;
using Xunit;
using static EdgeRuntime.Compressor.Onnx.TensorProto.Types;
using static EdgeRuntime.Compressor.Tests.OnnxModels;

namespace EdgeRuntime.Compressor.Tests;

/// <summary>Damaged and unsupported ONNX files give one typed error that names file and node.</summary>
public static class OnnxErrorTests
{
    private static readonly Func<ModelProto>[] Broken =
    [
        () => new ModelProto(),
        () => Network(6, [1, 4], Node("Relu", "x")),
        () => Network(13, [1, 4]),
        () => Network(13, [1, 4], Node("Relu", "nowhere")),
        () => Network(13, [1, 4], Node("Relu", "later"), Node("Relu", "x", "later")),
        () => Network(13, [1, 4], Node("Relu", "x"), Node("Tanh", "x")),
        () => Network(13, [1, 4], Node("Relu", "x", "x")),
        () => Network(13, [1, 4], Node("Add", "x")),
        () => Network(13, [1, 4], Node("Add", "x w"), Ramp("w", 3)),
        () => Network(13, [1, 4], Node("Add", "x w"), Floats("w", [4], 1, 2, 3)),
        () => Network(13, [1, 4], Node("Add", "x w"), Ramp("w", 4), Ramp("w", 4)),
        () => Network(13, [1, 4], Node("Add", "x w"), Negative(Ramp("w", 4))),
        () => Network(13, [1, -4], Node("Relu", "x")),
        () => Network(13, [1, 4], Node("Gemm", "x w"), Ramp("w", 3, 2)),
        () => Network(13, [1, 4], Node("Reshape", "x s"), Longs("s", 3, 5)),
        () => Network(13, [1, 4], Node("Reshape", "x s"), Longs("s", -1, -1)),
        () => Network(13, [1, 4], Node("Reshape", "x s"), Longs("s", -7)),
        () => Network(13, [1, 4], Node("Reshape", "x s"), Longs("s", long.MaxValue, 2)),
        () => Network(13, [1, 4], Node("Squeeze", "x a"), Longs("a", 1)),
        () => Network(13, [1, 4], Node("Unsqueeze", "x a"), Longs("a", 0, 0)),
        () => Network(13, [1, 4], Node("Transpose", "x").With("perm", 0, 0)),
        () => Network(13, [1, 4], Node("Transpose", "w"), Ramp("w", 2, 2)).WithNode(n => n.With("perm", 1, 1)),
        () => Network(13, [1, 4], Node("Concat", "x x")),
        () => Network(13, [1, 4], Node("Concat", "x x").With("axis", 2)),
        () => Network(13, [1, 4], Node("Softmax", "x").With("axis", 5)),
        () => Network(13, [1, 4], Node("Softmax", "x").With("axis", 1.5f)),
        () => Network(13, [1, 4], Node("Clip", "x a"), Ramp("a", 2)),
        () => Network(13, [1, 2, 5, 5], Node("Conv", "x w"), Ramp("w", 3, 1, 3, 3)),
        () => Network(13, [1, 2, 5, 5], Node("Conv", "x w"), Ramp("w", 3, 2, 3)),
        () => Network(13, [1, 2, 5, 5], Node("Conv", "x w").With("strides", 0, 1), Ramp("w", 3, 2, 3, 3)),
        () => Network(13, [1, 2, 5, 5], Node("Conv", "x w").With("pads", -1, 0, 0, 0), Ramp("w", 3, 2, 3, 3)),
        () => Network(13, [1, 2, 5, 5], Node("Conv", "x w").With("pads", 1, 1), Ramp("w", 3, 2, 3, 3)),
        () => Network(13, [1, 2, 5, 5], Node("Conv", "x w").With("auto_pad", "SAME"), Ramp("w", 3, 2, 3, 3)),
        () => Network(13, [1, 2, 5, 5], Node("Conv", "x w").With("kernel_shape", 2, 2), Ramp("w", 3, 2, 3, 3)),
        () => Network(13, [1, 2, 5, 5], Node("Conv", "x w").With("group", 0), Ramp("w", 3, 2, 3, 3)),
        () => Network(13, [1, 2, 5, 5], Node("Conv", "x w").With("dilations", 1L << 40, 1L), Ramp("w", 3, 2, 3, 3)),
        () => Network(13, [1, 2, 5, 5], Node("Conv", "x w b"), Ramp("w", 3, 2, 3, 3), Ramp("b", 4)),
        () => Network(13, [1, 2, 5, 5], Node("MaxPool", "x")),
        () => Network(13, [1, 2, 5, 5], Node("MaxPool", "x").With("kernel_shape", 9, 9)),
        () => Network(13, [1, 2, 5, 5], Node("MaxPool", "x").With("kernel_shape", [2])),
        () => Network(13, [1, 2, 5, 5], Node("AveragePool", "x").With("kernel_shape", 2, 2).With("pads", 2, 2, 2, 2)),
        () => Network(13, [1, 2, 5, 5], Node("Pad", "x p"), Longs("p", 1, 1)),
        () => Network(13, [1, 4], Node("QuantizeLinear", "x s"), Floats("s", [], 0)),
        () => Network(13, [1, 4], Node("QuantizeLinear", "x s"), Floats("s", [], float.NaN)),
        () => Network(13, [1, 4], Node("QuantizeLinear", "x s"), Floats("s", [3], 1, 2, 3)),
        () => Network(13, [1, 4], Node("QLinearConcat", "x x", domain: "com.microsoft")),
        () => Network(13, [1, 4], Node("Add", "x c"), Node("Gather", "w i", "c"), Ramp("w", 4), Longs("i", 9)).Reversed(),
        () => Network(13, [1, 4], Node("Slice", "w i i a s", "c"), Node("Add", "x c"), Ramp("w", 4), Longs("i", 1), Longs("a", 0), Longs("s", 0)),
        () => Declared(Network(13, [1, 4], Node("Relu", "x")), 1, 5),
        () => External("../../../etc/hostname", 0),
        () => External("absent.bin", 0),
        () => External("/etc/hostname", 0),
    ];

    public static TheoryData<int> BrokenCases() => [.. Enumerable.Range(0, Broken.Length)];

    [Theory]
    [MemberData(nameof(BrokenCases))]
    public static void BrokenNetworkGivesATypedErrorThatNamesTheFile(int index)
    {
        ImportException e = Assert.Throws<ImportException>(() => OnnxImporter.Import(Broken[index]().ToByteArray(), "broken.onnx", Path.GetTempPath()));
        Assert.StartsWith("broken.onnx", e.Message, StringComparison.Ordinal);
        if (index != 1) Assert.NotEqual(ModelErrorKind.Unsupported, e.Kind);
    }

    [Fact]
    public static void AllUnsupportedNodesAreReportedAtOnceWithTheirNames()
    {
        ModelProto model = Network(13, [1, 1, 5, 5], Node("Erf", "x", "a"), Node("MaxPool", "x", "b").With("kernel_shape", 2, 2).With("dilations", 2, 2),
            Node("Relu", "a", "c"), Node("Conv", "c x", "d"), Node("Custom", "d b", "e", "my.domain"), Node("Relu", "e"));
        ImportException e = Assert.Throws<ImportException>(() => OnnxImporter.Import(model, "net.onnx"));
        Assert.Equal(ModelErrorKind.Unsupported, e.Kind);
        Assert.Equal(["theErf", "theMaxPool", "theCustom"], e.Unsupported.Select(u => u.Node));
        Assert.Equal("my.domain", e.Unsupported[2].Domain);
        foreach (string part in new[] { "net.onnx", "theErf", "theMaxPool", "theCustom", "my.domain.Custom", "dilated" })
            Assert.Contains(part, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public static void OpenSizesOtherThanTheBatchAreReported()
    {
        ImportException e = Assert.Throws<ImportException>(() => OnnxImporter.Import(Network(13, [1, 0], Node("Relu", "x")), "net.onnx"));
        Assert.Contains("export the network with fixed sizes", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public static void SecondOutputsAreReportedOnlyWhereTheyAreRead()
    {
        NodeProto dropout = Node("Dropout", "x", "d");
        dropout.Output.Add("mask");
        Assert.Single(OnnxImporter.Import(Network(13, [1, 4], dropout, Node("Relu", "d")), "net").Nodes);
        ImportException e = Assert.Throws<ImportException>(() => OnnxImporter.Import(Network(13, [1, 4], dropout, Node("Relu", "mask")), "net"));
        Assert.Equal("theDropout", Assert.Single(e.Unsupported).Node);
    }

    /// <summary>Cut anywhere, a file is refused with a typed error, or still holds a whole network.</summary>
    [SkippableTheory]
    [InlineData("mlperf-tiny/kws_int8.onnx")]
    [InlineData("image-classification/mnist-cnn.onnx")]
    public static void TruncatedFilesGiveTypedErrors(string network)
    {
        byte[] whole = File.ReadAllBytes(SharedFiles.Path("models", network));
        int refused = 0, step = Math.Max(1, whole.Length / 2000);
        for (int length = 0; length < whole.Length; length += step) refused += Refused(whole.AsMemory(0, length)) ? 1 : 0;
        Assert.True(refused >= whole.Length / step - 20, $"{refused} refused");
    }

    /// <summary>With bytes changed, a file is refused with a typed error, or holds another network.</summary>
    [Fact]
    public static void ChangedFilesGiveTypedErrors()
    {
        byte[] whole = ManyOperators().ToByteArray();
        Assert.NotEmpty(OnnxImporter.Import(whole, "whole.onnx").Nodes);
        Random random = new(1);
        int refused = 0;
        for (int i = 0; i < 20_000; i++)
        {
            byte[] changed = [.. whole];
            for (int k = random.Next(1, 4); k > 0; k--) changed[random.Next(changed.Length)] = (byte)random.Next(256);
            refused += Refused(changed) ? 1 : 0;
        }
        Assert.InRange(refused, 5_000, 19_999);
    }

    private static ModelProto ManyOperators() => Network(13, [1, 1, 8, 8],
        Node("Conv", "x w b", "c").With("auto_pad", "SAME_UPPER").With("strides", 2, 2), Ramp("w", 2, 1, 3, 3), Ramp("b", 2),
        Node("QuantizeLinear", "c s z", "q"), Node("DequantizeLinear", "q s z", "d"), Floats("s", [], 0.5f), Raw<sbyte>("z", DataType.Int8, [], 3),
        Node("BatchNormalization", "d b b b b", "n"), Node("Clip", "n lo hi", "r"), Floats("lo", [], 0), Floats("hi", [], 6),
        Node("MaxPool", "r", "m").With("kernel_shape", 2, 2).With("ceil_mode", 1L), Node("AveragePool", "m", "a").With("kernel_shape", 2, 2),
        Node("Pad", "a p", "e"), Longs("p", 0, 0, 1, 0, 0, 0, 0, 1), Node("Shape", "e", "sh"), Node("Gather", "sh i", "g"), Longs("i", 0),
        Node("Concat", "g k", "t").With("axis", 0L), Longs("k", -1), Node("Reshape", "e t", "f"), Node("Slice", "sl i one", "cut"), Ramp("sl", 3), Longs("one", 1),
        Node("Gemm", "f v cut", "h").With("transB", 1L), Ramp("v", 3, 18), Node("Transpose", "h", "u").With("perm", 1, 0),
        Node("ReduceMean", "u", "o").With("axes", [0]), Node("Softmax", "o", "y"));

    private static bool Refused(ReadOnlyMemory<byte> file)
    {
        try
        {
            OnnxImporter.Import(file, "cut.onnx");
            return false;
        }
        catch (ImportException)
        {
            return true;
        }
    }

    private static TensorProto Negative(TensorProto tensor)
    {
        tensor.Dims[0] = -tensor.Dims[0];
        return tensor;
    }

    private static ModelProto WithNode(this ModelProto model, Action<NodeProto> change)
    {
        change(model.Graph.Node[0]);
        return model;
    }

    private static ModelProto Reversed(this ModelProto model)
    {
        NodeProto[] nodes = [.. model.Graph.Node.Reverse()];
        model.Graph.Node.Clear();
        model.Graph.Node.AddRange(nodes);
        return model;
    }

    private static ModelProto Declared(ModelProto model, params int[] shape)
    {
        model.Graph.Output[0] = Value("y", DataType.Float, shape);
        return model;
    }

    private static ModelProto External(string location, long offset)
    {
        TensorProto tensor = new() { Name = "w", DataType = (int)DataType.Float, DataLocation = DataLocation.External };
        tensor.Dims.Add(1);
        tensor.ExternalData.Add(new StringStringEntryProto { Key = "location", Value = location });
        tensor.ExternalData.Add(new StringStringEntryProto { Key = "offset", Value = offset.ToString() });
        return Network(13, [1, 4], Node("Add", "x w"), tensor);
    }
}
