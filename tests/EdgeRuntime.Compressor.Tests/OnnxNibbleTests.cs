using EdgeRuntime.Compressor.Onnx;
using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using Google.Protobuf;
using Xunit;
using static EdgeRuntime.Compressor.Onnx.TensorProto.Types;
using static EdgeRuntime.Compressor.Tests.OnnxModels;

namespace EdgeRuntime.Compressor.Tests;

/// <summary>Weights of 4 bits in ONNX networks stay so, and mean what they say.</summary>
public sealed class OnnxNibbleTests
{
    private const int K = 64, N = 40;

    [Theory]
    [InlineData((int)DataType.Int4, 0, 32)]
    [InlineData((int)DataType.Uint4, 0, 32)]
    [InlineData((int)DataType.Int4, 0, 0)]
    [InlineData((int)DataType.Uint4, 0, 0)]
    [InlineData((int)DataType.Int4, 1, 32)]
    public void BlocksOfDequantizeLinear(int type, int axis, int block)
    {
        // Weights [K, N] for a MatMul, or [N, K] behind a Transpose.
        int[] shape = axis == 0 ? [K, N] : [N, K];
        bool isSigned = type == (int)DataType.Int4;
        byte[] packed = [.. Enumerable.Range(0, K * N / 2).Select(i => (byte)(i * 37 + 11))];
        int[] scaleShape = block == 0 ? [N] : axis == 0 ? [K / block, N] : [N, K / block];
        float[] scales = [.. Enumerable.Range(0, scaleShape.Aggregate((a, b) => a * b)).Select(i => 0.01f + 0.001f * i)];
        NodeProto dequantize = Node("DequantizeLinear", isSigned ? "w s" : "w s z", "r").With("axis", block == 0 ? 1 : (long)axis);
        if (block != 0) dequantize.With("block_size", (long)block);
        List<IMessage> parts = [Raw("w", (DataType)type, shape, packed), Floats("s", scaleShape, scales), dequantize];
        if (!isSigned) parts.Add(Raw("z", DataType.Uint4, scaleShape, [.. Enumerable.Repeat((byte)0x88, (scales.Length + 1) / 2)]));
        if (axis == 1) parts.Add(Node("Transpose", "r", "t").With("perm", 1, 0));
        parts.Add(Node("MatMul", axis == 1 ? "x t" : "x r"));
        Check(Network(21, [1, K], [.. parts]), (k, n) =>
        {
            int at = axis == 0 ? k * N + n : n * K + k, nibble = packed[at / 2] >> (at % 2 * 4) & 15;
            float scale = scales[block == 0 ? n : axis == 0 ? k / block * N + n : n * (K / block) + k / block];
            return scale * (isSigned ? (sbyte)(nibble << 4) >> 4 : nibble - 8);
        }, false);
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(4, false)]
    [InlineData(0, true)]
    public void MatMulNBits(int accuracy, bool zeroPoints)
    {
        const int Block = 32, Blocks = K / Block;
        byte[] packed = [.. Enumerable.Range(0, K * N / 2).Select(i => (byte)(i * 29 + 5))], zeros = [.. Enumerable.Range(0, N).Select(i => (byte)(i * 7))];
        float[] scales = [.. Enumerable.Range(0, N * Blocks).Select(i => 0.02f + 0.001f * i)];
        NodeProto node = Node("MatMulNBits", zeroPoints ? "x w s z" : "x w s", domain: "com.microsoft").With("K", (long)K).With("N", (long)N).With("bits", 4L).With("block_size", (long)Block).With("accuracy_level", (long)accuracy);
        List<IMessage> parts = [Raw("w", DataType.Uint8, [N, Blocks, Block / 2], packed), Floats("s", [N * Blocks], scales), node];
        if (zeroPoints) parts.Add(Raw("z", DataType.Uint8, [N], zeros));
        Check(Network(17, [1, K], [.. parts]), (k, n) =>
        {
            int zero = zeroPoints ? zeros[n] >> (k / Block * 4) & 15 : 8, at = n * K + k;
            return scales[n * Blocks + k / Block] * ((packed[at / 2] >> (at % 2 * 4) & 15) - zero);
        }, accuracy == 4);
    }

    /// <summary>Weights of recurrent layers, with one scale or one for each row of a direction, keep their nibbles.</summary>
    [Theory]
    [InlineData("LSTM", 1, false)]
    [InlineData("LSTM", 2, true)]
    [InlineData("GRU", 2, true)]
    public void RecurrentLayers(string type, int directions, bool perRow)
    {
        const int Size = 8, Steps = 5;
        int rows = (type == "LSTM" ? 4 : 3) * Size, count = directions * rows * Size;
        byte[] packed = [.. Enumerable.Range(0, count / 2).Select(i => (byte)(i * 37 + 11))];
        float[] scales = [.. Enumerable.Range(0, perRow ? rows : 1).Select(i => 0.02f + 0.001f * i)];
        float[] reals = [.. Enumerable.Range(0, count).Select(i => scales[perRow ? i / Size % rows : 0] * ((sbyte)((packed[i / 2] >> (i % 2 * 4) & 15) << 4) >> 4))];
        int[] shape = [directions, rows, Size];
        float[] Run(out Node layer, params IMessage[] weights)
        {
            NodeProto node = Node(type, "x w w").With("hidden_size", (long)Size).With("direction", directions == 2 ? "bidirectional" : "forward");
            Graph graph = GraphOptimizer.Optimize(OnnxImporter.Import(Network(21, [Steps, 1, Size], [.. weights, node]).ToByteArray(), "test.onnx"));
            layer = Assert.Single(graph.Nodes, n => n.Type is OperatorType.Lstm or OperatorType.Gru);
            using InferenceSession session = new(graph);
            foreach (ref float x in session.Input<float>(0)) x = 0.5f;
            session.Run();
            return session.Output<float>(0).ToArray();
        }
        float[] actual = Run(out Node nibbles, Raw("q", DataType.Int4, shape, packed), Floats("s", perRow ? [rows] : [], scales), Node("DequantizeLinear", "q s", "w").With("axis", 1L));
        Assert.Equal((ElementType.Int4, ElementType.Int4), (nibbles.Input(RecurrentShape.W).Type, nibbles.Input(RecurrentShape.R).Type));
        float[] expected = Run(out _, Floats("w", shape, reals));
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], 1e-5f);
    }

    private static void Check(ModelProto model, Func<int, int, float> weight, bool dynamic)
    {
        Graph graph = GraphOptimizer.Optimize(OnnxImporter.Import(model.ToByteArray(), "test.onnx"));
        Node product = Assert.Single(graph.Nodes);
        Assert.Equal((OperatorType.FullyConnected, ElementType.Int4), (product.Type, product.Input(1).Type));
        using InferenceSession session = new(graph);
        float[] x = [.. Enumerable.Range(0, K).Select(i => MathF.Cos(i * 0.7f))];
        x.CopyTo(session.Input<float>(0));
        session.Run();
        for (int n = 0; n < N; n++)
        {
            double wanted = 0, size = 0;
            for (int k = 0; k < K; k++) wanted += x[k] * weight(k, n);
            for (int k = 0; k < K; k++) size += Math.Abs(weight(k, n));
            Assert.InRange(session.Output<float>(0)[n], wanted - size * (dynamic ? 0.01 : 1e-5), wanted + size * (dynamic ? 0.01 : 1e-5));
        }
    }
}
