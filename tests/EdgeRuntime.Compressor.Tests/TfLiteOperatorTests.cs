using System.Runtime.InteropServices;
using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using Xunit;

namespace EdgeRuntime.Compressor.Tests;

/// <summary>Operators and forms that the real networks lack, in files of one operator.</summary>
public sealed class TfLiteOperatorTests
{
    private const byte Float = 0, Half = 1, Int32 = 2, UInt8 = 3, Int16 = 7, Int8 = 9;

    [Theory]
    [InlineData(19, 0f, float.PositiveInfinity)]
    [InlineData(20, -1f, 1f)]
    [InlineData(21, 0f, 6f)]
    [InlineData(152, 0f, 1f)]
    public void RelusAreClips(int code, float min, float max)
    {
        Node node = Assert.Single(Unary(code, Float, [2, 3]).Nodes);
        Assert.Equal(OperatorType.Clip, node.Type);
        Assert.Equal(min, node.Attributes.Float("min", float.NegativeInfinity));
        Assert.Equal(max, node.Attributes.Float("max", float.PositiveInfinity));
    }

    [Fact]
    public void ReluThatRescalesRequantizesFirst()
    {
        TfLiteWriter file = new();
        int x = file.Tensor("x", Int8, [4], null, [0.5f], [3]), y = file.Tensor("y", Int8, [4], null, [0.25f], [-128]);
        file.Operator(19, [x], y);
        Graph graph = Import(file, x, y);
        Assert.Equal([OperatorType.Requantize, OperatorType.Clip], graph.Nodes.Select(n => n.Type));
        Assert.Equal(0.25f, graph.Nodes[0].Output.Quantization!.Scale);
        Assert.Equal("y", graph.Outputs[0].Name);
    }

    [Fact]
    public void ShapesChangeByReshapeAndTranspose()
    {
        TfLiteWriter file = new();
        int x = file.Tensor("x", Float, [1, 2, 1, 3]), squeezed = file.Tensor("s", Float, [2, 3]);
        int turned = file.Tensor("t", Float, [3, 2]), expanded = file.Tensor("e", Float, [3, 1, 2]);
        file.Operator(43, [x], squeezed, 30, new() { [0] = new[] { 0, 2 } });
        file.Operator(39, [squeezed, file.Integers(1, 0)], turned);
        file.Operator(70, [turned, file.Integers(1)], expanded);
        Graph graph = Import(file, x, expanded);
        Assert.Equal([OperatorType.Reshape, OperatorType.Transpose, OperatorType.Reshape], graph.Nodes.Select(n => n.Type));
        Assert.Equal([1, 0], graph.Nodes[1].Attributes.Ints("perm").ToArray());
    }

    [Fact]
    public void ShapeArithmeticBehindReshapeIsNotNeeded()
    {
        TfLiteWriter file = new();
        int x = file.Tensor("x", Float, [-1, 2, 3]), shape = file.Tensor("shape", Int32, [3]), y = file.Tensor("y", Float, [-1, 6]);
        file.Operator(77, [x], shape);
        file.Operator(22, [x, shape], y);
        Graph graph = Import(file, x, y);
        Assert.Equal(new TensorShape(1, 2, 3), graph.Inputs[0].Shape);
        Assert.Equal(new TensorShape(1, 6), Assert.Single(graph.Nodes).Output.Shape);
    }

    [Fact]
    public void PaddingValueIsReal()
    {
        TfLiteWriter file = new();
        int x = file.Tensor("x", Int8, [1, 2], null, [0.5f], [1]), y = file.Tensor("y", Int8, [4, 2], null, [0.5f], [1]);
        int pads = file.Tensor("p", Int32, [2, 2], MemoryMarshal.AsBytes<int>([1, 2, 0, 0]).ToArray());
        file.Operator(60, [x, pads, file.Tensor("v", Int8, [1], [7], [0.5f], [1])], y);
        Node pad = Assert.Single(Import(file, x, y).Nodes);
        Assert.Equal([1, 0, 2, 0], pad.Attributes.Ints("pads").ToArray());
        Assert.Equal(3f, pad.Attributes.Float("value"));
    }

    [Fact]
    public void PartsOfAConcatenationTakeItsScale()
    {
        TfLiteWriter file = new();
        int a = file.Tensor("a", UInt8, [1, 2], null, [0.5f], [1]), b = file.Tensor("b", UInt8, [1, 3], null, [0.25f], [0]);
        int y = file.Tensor("y", UInt8, [1, 5], null, [0.5f], [1]);
        file.Operator(2, [a, b], y, 10, new() { [0] = 1, [1] = (byte)1 });
        Graph graph = TfLiteImporter.Import(file.Write([a, b], [y]), "test.tflite");
        Assert.Equal([OperatorType.Requantize, OperatorType.Concat, OperatorType.Clip], graph.Nodes.Select(n => n.Type));
        Assert.Equal("b", graph.Nodes[0].Input(0).Name);
        Assert.Equal(["a", "b"], graph.Inputs.Select(v => v.Name));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void FullyConnectedFlattensUnlessItKeepsDimensions(bool keep)
    {
        TfLiteWriter file = new();
        int x = file.Tensor("x", Float, [2, 3, 4]), y = file.Tensor("y", Float, keep ? [2, 3, 5] : [6, 5]);
        file.Operator(9, [x, file.Tensor("w", Float, [5, 4], new byte[80]), -1], y, 8, new() { [0] = (byte)3, [2] = keep });
        Graph graph = Import(file, x, y);
        Assert.Equal(keep ? 1 : 2, graph.Nodes.Count);
        Assert.Equal(6f, graph.Nodes[^1].Attributes.Float("max"));
    }

    [Theory]
    [InlineData(Float)]
    [InlineData(Int8)]
    public void Int4WeightsStayNibbles(byte type)
    {
        TfLiteWriter file = new();
        float[] scale = [0.5f];
        int x = file.Tensor("x", type, [1, 4], null, type == Int8 ? scale : null, type == Int8 ? [0] : null), y = file.Tensor("y", type, [1, 2], null, type == Int8 ? scale : null, type == Int8 ? [0] : null);
        int w = file.Tensor("w", 17, [2, 4], [0x21, 0x83, 0x7F, 0x00], [0.25f, 0.125f], null, 0);
        file.Operator(9, [x, w, -1], y, 8, new() { [0] = (byte)0 });
        Node node = Assert.Single(GraphOptimizer.Optimize(Import(file, x, y)).Nodes);
        Assert.Equal(ElementType.Int4, node.Input(1).Type);
        Assert.Equal([1, 2, 3, -8, -1, 7, 0, 0], node.Input(1).Constant!.ToInts());
        Assert.Equal([0.25f, 0.125f], node.Input(1).Quantization!.Scales.ToArray());
    }

    [Fact]
    public void BiasScaleIsInputTimesWeightPerChannel()
    {
        TfLiteWriter file = new();
        int x = file.Tensor("x", Int8, [1, 4, 4, 1], null, [0.5f], [0]), y = file.Tensor("y", Int8, [1, 2, 2, 2], null, [1f], [0]);
        int w = file.Tensor("w", Int8, [1, 3, 3, 2], [.. Enumerable.Range(0, 18).Select(i => (byte)i)], [0.25f, 0.5f], null, 3);
        int bias = file.Tensor("b", Int32, [1, 2], new byte[8]);
        file.Operator(4, [x, w, bias], y, 2, new() { [0] = (byte)1, [1] = 1, [2] = 1, [3] = 2 });
        Node node = Assert.Single(Import(file, x, y).Nodes);
        Assert.Equal([0.125f, 0.25f], node.Input(2).Quantization!.Scales.ToArray());
        Assert.Equal(new TensorShape(2, 3, 3, 1), node.Input(1).Shape);
        Assert.Equal([0, 2, 4, 6, 8, 10, 12, 14, 16, 1, 3, 5, 7, 9, 11, 13, 15, 17], node.Input(1).Constant!.ToInts());
        Assert.Equal("w", node.Input(1).Name);
    }

    /// <summary>Against the definition, with padding, strides and dilation that differ by axis.</summary>
    [Theory]
    [InlineData(0, 2, 1, 3, 1)]
    [InlineData(1, 1, 2, 1, 2)]
    public void VolumesAreConvolved(byte padding, int strideD, int strideH, int strideW, int dilationD)
    {
        int[] size = [5, 6, 7], kernel = [2, 3, 2], strides = [strideD, strideH, strideW], dilations = [dilationD, 1, 1];
        const int C = 2, O = 3;
        int[] reach = [.. kernel.Zip(dilations, (k, d) => (k - 1) * d + 1)];
        int[] outputs = [.. Enumerable.Range(0, 3).Select(i => padding == 0 ? (size[i] + strides[i] - 1) / strides[i] : (size[i] - reach[i]) / strides[i] + 1)];
        int[] before = [.. Enumerable.Range(0, 3).Select(i => padding == 0 ? Math.Max((outputs[i] - 1) * strides[i] + reach[i] - size[i], 0) / 2 : 0)];
        Random random = new(3);
        float[] Numbers(int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() - 0.5f)];
        float[] x = Numbers(5 * 6 * 7 * C), w = Numbers(2 * 3 * 2 * C * O), b = Numbers(O);
        TfLiteWriter file = new();
        int input = file.Tensor("x", Float, [1, .. size, C]), output = file.Tensor("y", Float, [1, .. outputs, O]);
        file.Operator(132, [input, file.Tensor("w", Float, [.. kernel, C, O], MemoryMarshal.AsBytes<float>(w).ToArray()), file.Tensor("b", Float, [O], MemoryMarshal.AsBytes<float>(b).ToArray())], output, 106,
            new() { [0] = padding, [1] = strideD, [2] = strideW, [3] = strideH, [4] = (byte)1, [5] = dilationD, [6] = 1, [7] = 1 });
        using InferenceSession session = new(GraphOptimizer.Optimize(Import(file, input, output)));
        x.CopyTo(session.Input<float>(0));
        session.Run();
        ReadOnlySpan<float> y = session.Output<float>(0);
        for (int at = 0; at < y.Length; at++)
        {
            int o = at % O, place = at / O, ow = place % outputs[2], oh = place / outputs[2] % outputs[1], od = place / outputs[2] / outputs[1];
            double sum = b[o];
            for (int k = 0; k < kernel.Aggregate((p, q) => p * q); k++)
            {
                int kw = k % 2, kh = k / 2 % 3, kd = k / 6, d = od * strideD - before[0] + kd * dilationD, h = oh * strideH - before[1] + kh, v = ow * strideW - before[2] + kw;
                if (d < 0 || h < 0 || v < 0 || d >= 5 || h >= 6 || v >= 7) continue;
                for (int c = 0; c < C; c++) sum += x[((d * 6 + h) * 7 + v) * C + c] * w[(k * C + c) * O + o];
            }
            Assert.Equal((float)Math.Max(0, sum), y[at], 1e-5f);
        }
    }

    [Fact]
    public void HalfConstantsAreWidened()
    {
        TfLiteWriter file = new();
        int x = file.Tensor("x", Float, [2]), y = file.Tensor("y", Float, [2]);
        int c = file.Tensor("c", Half, [2], MemoryMarshal.AsBytes<Half>([(Half)1.5f, (Half)(-2)]).ToArray()), wide = file.Tensor("d", Float, [2]);
        file.Operator(6, [c], wide);
        file.Operator(18, [x, wide], y, 21, new() { [0] = (byte)1 });
        Node node = Assert.Single(Import(file, x, y).Nodes);
        Assert.Equal([1.5f, -2f], node.Input(1).Constant!.ToFloats());
        Assert.Equal(0f, node.Attributes.Float("min", float.NaN));
    }

    [Fact]
    public void RepeatedNamesBecomeUniqueButInputsAndOutputsKeepTheirs()
    {
        TfLiteWriter file = new();
        int x = file.Tensor("same", Float, [2]), middle = file.Tensor("out", Float, [2]), last = file.Tensor("out", Float, [2]), y = file.Tensor("", Float, [2]);
        file.Operator(28, [x], middle);
        file.Operator(14, [middle], last);
        file.Operator(14, [last], y);
        Graph graph = TfLiteImporter.Import(file.Write([x], [last, y]), "test.tflite");
        Assert.Equal(["same"], graph.Inputs.Select(v => v.Name));
        Assert.Equal(["out", "tensor_3"], graph.Outputs.Select(v => v.Name));
        Assert.Equal("out.1", graph.Nodes[0].Output.Name);
    }

    [Fact]
    public void EverythingMissingIsListed()
    {
        TfLiteWriter file = new();
        int x = file.Tensor("x", Float, [2]), a = file.Tensor("a", Float, [2]), b = file.Tensor("b", Int16, [2], null, [1f], [0]), y = file.Tensor("y", Int16, [2], null, [1f], [0]);
        file.Operator(66, [x], a);
        file.Operator(114, [a], b);
        file.Operator(14, [b], y);
        ImportException e = Assert.Throws<ImportException>(() => Import(file, x, y));
        Assert.Equal(["SIN", "QUANTIZE", "LOGISTIC"], e.Unsupported.Select(u => u.Type));
        Assert.Contains("Int16", e.Unsupported[2].Reason);
        Assert.Contains("operator 0 a", e.Message);
    }

    [Fact]
    public void ShapesThatDoNotFollowAreRefused()
    {
        TfLiteWriter file = new();
        int x = file.Tensor("x", Float, [2, 3]), y = file.Tensor("y", Float, [2, 4]);
        file.Operator(14, [x], y);
        Assert.Contains("[2,4]", Assert.Throws<ModelException>(() => Import(file, x, y)).Message);
    }

    private static Graph Unary(int code, byte type, int[] shape)
    {
        TfLiteWriter file = new();
        int x = file.Tensor("x", type, shape), y = file.Tensor("y", type, shape);
        file.Operator(code, [x], y);
        return Import(file, x, y);
    }

    private static Graph Import(TfLiteWriter file, int input, int output) => TfLiteImporter.Import(file.Write([input], [output]), "test.tflite");
}
