using System.Runtime.InteropServices;
using EdgeRuntime.Compressor.Onnx;
using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using EdgeRuntime.TestSupport;
using Google.Protobuf;
using Xunit;
using static EdgeRuntime.Compressor.Onnx.TensorProto.Types;
using static EdgeRuntime.Compressor.Tests.OnnxModels;

namespace EdgeRuntime.Compressor.Tests;

/// <summary>What small ONNX networks become, in the forms that exporters and operator sets differ in.</summary>
public static class OnnxImporterTests
{
    [Theory]
    [InlineData("SAME_UPPER", 5, 3, 2, 3, 1, 1)]
    [InlineData("SAME_UPPER", 6, 3, 2, 3, 0, 1)]
    [InlineData("SAME_LOWER", 6, 3, 2, 3, 1, 0)]
    [InlineData("SAME_UPPER", 4, 1, 3, 2, 0, 0)]
    [InlineData("VALID", 6, 3, 2, 2, 0, 0)]
    [InlineData("NOTSET", 6, 3, 2, 2, 0, 0)]
    public static void AutoPadBecomesExplicit(string mode, int size, int kernel, int stride, int expected, int before, int after)
    {
        Graph g = Import(Network(13, [1, 1, size, 9], Node("Conv", "x w").With("auto_pad", mode).With("strides", stride, 1), Ramp("w", 1, 1, kernel, 1)));
        Node conv = Single(g, OperatorType.Convolution);
        Assert.Equal([before, 0, after, 0], conv.Attributes.Ints("pads").ToArray());
        Assert.Equal(new TensorShape(1, 1, expected, 9), g.Outputs[0].Shape);
    }

    [Fact]
    public static void WeightsAreTurnedAndOneDimensionalConvolutionsGetAHeight()
    {
        Graph g = Import(Network(13, [1, 2, 9], Node("Conv", "x w b").With("pads", 1, 2).With("strides", [2]), Ramp("w", 3, 2, 4), Ramp("b", 3)));
        Node conv = Single(g, OperatorType.Convolution);
        Assert.Equal(new TensorShape(3, 1, 4, 2), conv.Input(1).Shape);
        Assert.Equal([1f, 5, 2, 6], conv.Input(1).Constant!.ToFloats()[..4]);
        Assert.Equal([0, 1, 0, 2], conv.Attributes.Ints("pads").ToArray());
        Assert.Equal(new TensorShape(1, 3, 5), g.Outputs[0].Shape);
    }

    [Fact]
    public static void QuantisedWeightsStayIntegersPerOutputChannel()
    {
        Graph g = Import(Typed(13, DataType.Int8, [1, 2, 4, 4],
            Node("DequantizeLinear", "x xs xz", "xf"), Floats("xs", [], 0.5f), Raw<sbyte>("xz", DataType.Int8, [], -3),
            Node("DequantizeLinear", "w ws wz", "wf").With("axis", 0L), Raw<sbyte>("w", DataType.Int8, [3, 2, 1, 1], 1, 2, 3, 4, 5, 6),
            Floats("ws", [3], 1, 2, 3), Raw<sbyte>("wz", DataType.Int8, [3], 0, 0, 0),
            Node("DequantizeLinear", "b bs", "bf").With("axis", 0L), Raw("b", DataType.Int32, [3], 7, 8, 9), Floats("bs", [3], 0.5f, 1, 1.5f),
            Node("Conv", "xf wf bf", "c"), Node("QuantizeLinear", "c ys yz"), Floats("ys", [], 0.25f), Raw<sbyte>("yz", DataType.Int8, [], 5)));
        Node conv = Single(g, OperatorType.Convolution);
        ValueInfo weights = g.Producers()[conv.Input(1)].Input(0), bias = g.Producers()[conv.Input(2)].Input(0);
        Assert.Equal((ElementType.Int8, new TensorShape(3, 1, 1, 2)), (weights.Type, weights.Shape));
        Assert.Equal(new QuantizationParameters([1, 2, 3], default, 0), weights.Quantization);
        Assert.Equal(new QuantizationParameters([0.5f, 1, 1.5f], default, 0), bias.Quantization);
        Assert.Equal(new QuantizationParameters(0.5f, -3), g.Inputs[0].Quantization);
        Assert.Equal((ElementType.Int8, new QuantizationParameters(0.25f, 5)), (g.Outputs[0].Type, g.Outputs[0].Quantization!));
    }

    [Fact]
    public static void ParametersReachIntegersThroughOperatorsThatOnlyMove()
    {
        Graph g = Import(Typed(13, DataType.Uint8, [1, 2, 4, 4], Node("MaxPool", "x", "m").With("kernel_shape", 2, 2), Node("Transpose", "m", "t"),
            Node("DequantizeLinear", "t s z"), Floats("s", [], 0.5f), Raw<byte>("z", DataType.Uint8, [], 128)));
        Assert.All(g.Values().Where(v => v.Type == ElementType.UInt8), v => Assert.Equal(new QuantizationParameters(0.5f, 128), v.Quantization));
    }

    [Fact]
    public static void OperatorSetsSayTheSameInTheirWays()
    {
        ModelProto[] clips = [Network(10, [1, 4], Node("Clip", "x").With("min", 0f).With("max", 6f)), Network(11, [1, 4], Node("Clip", "x lo hi"), Floats("lo", [], 0), Floats("hi", [], 6))];
        ModelProto[] pads = [Network(10, [2, 2], Node("Pad", "x").With("pads", 1, 0, 0, 2).With("value", 3f)),
            Network(18, [2, 2], Node("Pad", "x p v"), Longs("p", 1, 0, 0, 2), Floats("v", [], 3)),
            Network(18, [2, 2], Node("Pad", "x p v a"), Longs("p", 0, 1, 2, 0), Floats("v", [], 3), Longs("a", 1, 0))];
        ModelProto[] means = [Network(13, [2, 3, 4], Node("ReduceMean", "x").With("axes", [-1]).With("keepdims", 0L)),
            Network(18, [2, 3, 4], Node("ReduceMean", "x a").With("keepdims", 0L), Longs("a", 2))];
        ModelProto[] squeezes = [Network(12, [1, 4], Node("Squeeze", "x").With("axes", [0])), Network(13, [1, 4], Node("Squeeze", "x a"), Longs("a", 0)), Network(13, [1, 4], Node("Squeeze", "x"))];
        foreach (ModelProto[] same in new[] { clips, pads, means, squeezes })
            Assert.Single(same.Select(m => Describe(Import(m))).Distinct());
    }

    [Fact]
    public static void OldSoftmaxCoversAllLaterAxes()
    {
        float[] x = [1, 2, 3, 4, 5, 6, 7, 8];
        Assert.Equal(1, Run(Network(12, [1, 2, 4], Node("Softmax", "x")), x).Sum(), 4);
        Assert.Equal(2, Run(Network(13, [1, 2, 4], Node("Softmax", "x")), x).Sum(), 4);
        Assert.Equal(4, Run(Network(13, [1, 2, 4], Node("Softmax", "x").With("axis", 1L)), x).Sum(), 4);
    }

    [Fact]
    public static void ShapeArithmeticIsFolded()
    {
        Graph g = Import(Network(13, [1, 2, 3, 4], Node("Shape", "x", "s"), Node("Gather", "s i", "n"), Longs("i", 0), Node("Mul", "n two", "m"), Longs("two", 2),
            Node("Concat", "m rest", "t").With("axis", 0L), Longs("rest", -1), Node("Reshape", "x t")));
        Assert.Equal(OperatorType.Reshape, Assert.Single(g.Nodes).Type);
        Assert.Equal(new TensorShape(2, 12), g.Outputs[0].Shape);
    }

    [Fact]
    public static void EndsKeepTheirNamesWhereNothingIsComputed()
    {
        ModelProto model = Network(13, [0, 4], Node("Identity", "x"), Node("Dropout", "x", "z"), Node("Constant", "", "k").With("value", Ramp("", 2)));
        model.Graph.Output.Add(new ValueInfoProto { Name = "z" });
        model.Graph.Output.Add(new ValueInfoProto { Name = "k" });
        model.Graph.Input.Add(Value("w", DataType.Float, 4));
        model.Graph.Initializer.Add(Ramp("w", 4));
        model.MetadataProps.Add(new StringStringEntryProto { Key = "input.quant", Value = "q" });
        Graph g = Import(model);
        Assert.Equal(["x"], g.Inputs.Select(v => v.Name));
        Assert.Equal(["y", "z", "k"], g.Outputs.Select(v => v.Name));
        Assert.Equal(new TensorShape(1, 4), g.Inputs[0].Shape);
        Assert.Equal("q", g.Metadata["onnx.input.quant"]);
    }

    public static TheoryData<string, float[]> Integers() => new()
    {
        // x is [8, -4, 2, -6] with scale 0.5: 4, -2, 1, -3.
        { "QLinearAdd x s z x s z t z", [8, -4, 2, -6] },
        { "QLinearMul x s z x s z t z", [16, 4, 1, 9] },
        { "QLinearSigmoid x s z u z", [126, 15, 94, 6] },
        { "QLinearSoftmax x s z u z", [121, 0, 6, 0] },
        { "QLinearConcat t z x s z x s z", [4, -2, 1, -3, 4, -2, 1, -3] },
        { "QGemm x s z w s z b t z", [6, 1] },
        { "QGemm x s z w s z -", [5, -5] },
    };

    [Theory]
    [MemberData(nameof(Integers))]
    public static void IntegerOperatorsComputeTheirRealNumbers(string form, float[] expected)
    {
        string type = form.Split(' ')[0];
        NodeProto node = Node(type, form[(type.Length + 1)..], domain: "com.microsoft");
        if (type == "QLinearConcat") node.With("axis", 1L);
        Check(expected, Run(Typed(13, DataType.Int8, [1, 4], [node, .. Parameters()]), [8, -4, 2, -6]));
    }

    [Theory]
    [InlineData("QLinearGlobalAveragePool", 0, new float[] { 5, -7 })]
    [InlineData("QLinearAveragePool", 0, new float[] { 5, -7 })]
    [InlineData("QLinearGlobalAveragePool", 1, new float[] { -1 })]
    public static void IntegerPoolsComputeTheirRealNumbers(string type, long channelsLast, float[] expected)
    {
        NodeProto node = Node(type, "x s z s z", domain: "com.microsoft").With("channels_last", channelsLast);
        if (type == "QLinearAveragePool") node.With("kernel_shape", 2, 2);
        Check(expected, Run(Typed(13, DataType.Int8, [1, 2, 2, 2], [node, .. Parameters()]), [2, 4, 6, 8, -4, -6, -8, -10])[..expected.Length]);
    }

    [Fact]
    public static void SumsOfIntegersCastToFloatAreExact()
    {
        float[] y = Run(Typed(13, DataType.Int8, [1, 4], Node("MatMulInteger", "x w", "i"), Node("Cast", "i").With("to", 1L), Parameters().First(p => p.Name == "w")), [127, -128, 3, 5]);
        Assert.Equal([127 * 2 + 3 * 2, -128 * 2 + 5 * 2], y);
    }

    /// <summary>Inputs and states become int8 while it runs, which each runtime rounds by itself.</summary>
    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public static void LayersThatQuantiseWhileTheyRunAgreeWithOnnxRuntime(bool perRow)
    {
        Skip.IfNot(OnnxRuntimeLibrary.IsAvailable, OnnxRuntimeLibrary.Missing);
        const int Steps = 6, Size = 16, Rows = 4 * Size;
        Random random = new(4);
        // Of 7 bits: its sums of two products saturate at 16 bits where there is no VNNI.
        sbyte[] Weights() => [.. Enumerable.Range(0, Size * Rows).Select(_ => (sbyte)random.Next(-63, 64))];
        float[] Reals(int count, double low, double high) => [.. Enumerable.Range(0, count).Select(_ => (float)(low + (high - low) * random.NextDouble()))];
        int[] scales = perRow ? [1, Rows] : [1];
        ModelProto model = Network(14, [Steps, 1, Size], Node("DynamicQuantizeLSTM", "x w r b - - - - ws wz rs rz", domain: "com.microsoft").With("hidden_size", (long)Size),
            Raw("w", DataType.Int8, [1, Size, Rows], Weights()), Raw("r", DataType.Int8, [1, Size, Rows], Weights()), Floats("b", [1, 2 * Rows], Reals(2 * Rows, -0.5, 0.5)),
            Floats("ws", scales, Reals(scales[^1], 0.004, 0.012)), Floats("rs", scales, Reals(scales[^1], 0.004, 0.012)), Raw("wz", DataType.Int8, scales, new sbyte[scales[^1]]), Raw("rz", DataType.Int8, scales, new sbyte[scales[^1]]));
        float[] x = Reals(Steps * Size, -1, 1), ours = Run(model, x);
        string path = Path.GetTempFileName();
        File.WriteAllBytes(path, model.ToByteArray());
        using (OnnxRuntimeLibrary.Session theirs = new(path))
        {
            MemoryMarshal.AsBytes(x.AsSpan()).CopyTo(theirs.Inputs[0].Bytes);
            theirs.Run();
            float[] expected = MemoryMarshal.Cast<byte, float>(theirs.Outputs[0].Bytes).ToArray();
            for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], ours[i], 0.02f);
        }
        File.Delete(path);
    }

    [Fact]
    public static void WeightsBesideTheFileAreRead()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("onnx");
        try
        {
            File.WriteAllBytes(Path.Combine(folder.FullName, "w.bin"), [9, 9, 9, 9, .. BitConverter.GetBytes(1.5f), .. BitConverter.GetBytes(2.5f)]);
            TensorProto w = new() { Name = "w", DataType = (int)DataType.Float, DataLocation = DataLocation.External };
            w.Dims.Add(2);
            foreach ((string key, string value) in new[] { ("location", "w.bin"), ("offset", "4"), ("length", "8") })
                w.ExternalData.Add(new StringStringEntryProto { Key = key, Value = value });
            string path = Path.Combine(folder.FullName, "net.onnx");
            File.WriteAllBytes(path, Network(13, [1, 2], Node("Add", "x w"), w).ToByteArray());
            Graph g = NetworkImporter.Load(path);
            Assert.Equal([1.5f, 2.5f], g.Nodes[0].Input(1).Constant!.ToFloats());
            Assert.Equal("net.onnx", g.Metadata[MetadataKeys.SourceName]);
            w.ExternalData[1].Value = "8";
            File.WriteAllBytes(path, Network(13, [1, 2], Node("Add", "x w"), w).ToByteArray());
            Assert.Throws<ImportException>(() => NetworkImporter.Load(path));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static TensorProto[] Parameters() =>
    [
        Floats("s", [], 0.5f), Raw<sbyte>("z", DataType.Int8, [], 0), Floats("t", [], 1), Floats("u", [], 1 / 128f),
        Raw<sbyte>("w", DataType.Int8, [4, 2], 2, 0, 0, 2, 2, 0, 0, 2), Raw("b", DataType.Int32, [2], 4, 24),
    ];

    private static Graph Import(ModelProto model) => OnnxImporter.Import(model.ToByteArray(), "test.onnx");

    private static Node Single(Graph g, OperatorType type) => Assert.Single(g.Nodes, n => n.Type == type);

    private static string Describe(Graph g) => string.Join(";", g.Nodes.Select(n => $"{n.Type} {n.Output.Shape} "
        + string.Join(",", n.Attributes.Entries.Select(a => $"{a.Key}={(a.Value is int[] list ? string.Join(" ", list) : a.Value)}"))));

    /// <summary>Runs a network on its only input, given as numbers of the input's type.</summary>
    private static float[] Run(ModelProto model, float[] x)
    {
        using InferenceSession session = new(GraphOptimizer.Optimize(Import(model)));
        if (session.Inputs[0].Type == ElementType.Float32) x.CopyTo(session.Input<float>(0));
        else Array.ConvertAll(x, v => (sbyte)v).CopyTo(session.Input<sbyte>(0));
        session.Run();
        return new Tensor(session.Outputs[0].Type, session.Outputs[0].Shape, session.OutputBytes(0).ToArray()).ToFloats();
    }

    private static void Check(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++) Assert.True(MathF.Abs(expected[i] - actual[i]) <= 1, $"element {i}: {actual[i]}, not {expected[i]}");
    }
}
