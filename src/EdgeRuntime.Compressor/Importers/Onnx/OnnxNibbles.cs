using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>Weights of few bits in blocks: DequantizeLinear with a block size (operator set 21), and com.microsoft's MatMulNBits.</summary>
internal static class OnnxNibbles
{
    /// <summary>
    /// DequantizeLinear of a constant in blocks along one axis. A matrix stays integer, groups along its reduction axis; anything
    /// else becomes the real numbers it stands for.
    /// </summary>
    public static ValueInfo DequantizeBlocks(OnnxNode node, int block)
    {
        Tensor x = node.Constant(0, "integers in blocks"), scales = node.Constant(1, "the scales");
        int axis = OnnxNode.Axis(node.Int("axis", 1), x.Shape.Rank), blocks = block > 0 ? (x.Shape[axis] + block - 1) / block : 0;
        if (blocks == 0 || scales.Shape != x.Shape.With(axis, blocks)) throw OnnxNode.Damaged($"scales {scales.Shape} for blocks of {block} along axis {axis} of {x.Shape}");
        int[] integers = x.ToInts(), zeros = node.OptionalConstant(2, "the zero points")?.ToInts() ?? new int[scales.Count];
        float[] steps = scales.ToFloats();
        if (zeros.Length != steps.Length) throw OnnxNode.Damaged($"{zeros.Length} zero points for {steps.Length} scales");
        bool nibbles = x.Type == ElementType.Int4 || node.Builder.IsUInt4(node.Input(0));
        int shift = x.Type == ElementType.UInt8 ? 8 : 0;
        if (nibbles && x.Shape.Rank == 2 && axis == 1)
            return node.Builder.Dequantize(Matrix(node, x.Shape, i => integers[i] - shift), new QuantizationParameters(steps, Array.ConvertAll(zeros, z => z - shift), 0, block));
        if (nibbles && x.Shape.Rank == 2)
        {
            // Groups lie along the innermost axis here: the matrix is kept as its transpose.
            int rows = x.Shape[0], columns = x.Shape[1];
            QuantizationParameters q = new(Turn(steps, blocks, columns), Array.ConvertAll(Turn(zeros, blocks, columns), z => z - shift), 0, block);
            return node.Builder.Transpose(node.Builder.Dequantize(Matrix(node, new TensorShape(columns, rows), i => integers[i % rows * columns + i / rows] - shift), q), 1, 0);
        }
        float[] reals = new float[integers.Length];
        int inner = (int)x.Shape.CountOf(axis + 1, x.Shape.Rank);
        for (int i = 0; i < reals.Length; i++)
        {
            int at = i / inner / x.Shape[axis] * blocks * inner + i / inner % x.Shape[axis] / block * inner + i % inner;
            reals[i] = Requantize.Dequantize(integers[i], steps[at], zeros[at]);
        }
        return node.Builder.Constant(Tensor.From<float>(x.Shape, reals));
    }

    /// <summary>
    /// MatMulNBits: A [..., K], B [N, blocks, bytes of a block] with 4 bits a weight, scales [N, blocks], zero points (packed likewise;
    /// 8 without them), bias. accuracy_level 4 asks for int8 activations.
    /// </summary>
    public static ValueInfo MatrixProduct(OnnxNode node)
    {
        int k = node.Int("K", 0), n = node.Int("N", 0), block = node.Int("block_size", 0);
        if (node.Int("bits", 4) != 4) throw OnnxNode.Unsupported($"weights of {node.Int("bits", 4)} bits; 4 are");
        if (node.Optional(4) is not null) throw OnnxNode.Unsupported("weights in another order of their groups (g_idx)");
        if (k < 1 || n < 1 || block < 1 || block % 2 != 0) throw OnnxNode.Damaged($"K {k}, N {n}, block_size {block}");
        int blocks = (k + block - 1) / block;
        byte[] packed = node.Constant(1, "the weights").Data.ToArray();
        float[] scales = node.Constant(2, "the scales").ToFloats();
        if (packed.Length != (long)n * blocks * block / 2 || scales.Length != n * blocks)
            throw OnnxNode.Damaged($"{packed.Length} bytes of weights and {scales.Length} scales for {n}×{k} in blocks of {block}");
        ValueInfo weights = Matrix(node, new TensorShape(n, k), i => Nibble(packed, i / k * blocks * block + i % k) - 8);
        ValueInfo reals = node.Builder.Dequantize(weights, new QuantizationParameters(scales, ZeroPoints(node, n, blocks), 0, block));
        ValueInfo? bias = node.Optional(5);
        if (bias is { IsConstant: false }) throw OnnxNode.Unsupported($"a bias ({bias.Name}) that is computed while the network runs");
        AttributeSet attributes = node.Int("accuracy_level", 0) == 4 ? new AttributeSet().Set("dynamic", 1) : new();
        return node.Builder.Emit(OperatorType.FullyConnected, [node.Input(0), reals, bias], attributes);
    }

    private static int[] ZeroPoints(OnnxNode node, int n, int blocks)
    {
        if (node.OptionalConstant(3, "the zero points") is not { } zeros) return new int[n * blocks];
        if (zeros.Type != ElementType.UInt8) throw OnnxNode.Unsupported($"zero points of type {zeros.Type}");
        int rowBytes = (blocks + 1) / 2;
        if (zeros.Count != n * rowBytes) throw OnnxNode.Damaged($"{zeros.Count} bytes of zero points for {n}×{blocks} blocks");
        byte[] packed = zeros.Data.ToArray();
        return [.. Enumerable.Range(0, n * blocks).Select(i => Nibble(packed, i / blocks * rowBytes * 2 + i % blocks) - 8)];
    }

    /// <summary>Constant uint4 weights, which were widened to bytes, as Int4: 8 less, the zero points too.</summary>
    public static ValueInfo FromUnsigned(OnnxNode node, ValueInfo x, QuantizationParameters q)
    {
        byte[] values = x.Constant!.Data.ToArray();
        return node.Builder.Dequantize(Matrix(node, x.Shape, i => values[i] - 8), q.ShiftZeroPoints(-8));
    }

    private static int Nibble(byte[] packed, int index) => packed[index / 2] >> (index % 2 * 4) & 15;

    private static ValueInfo Matrix(OnnxNode node, TensorShape shape, Func<int, int> element)
    {
        sbyte[] values = new sbyte[shape.ElementCount];
        for (int i = 0; i < values.Length; i++) values[i] = (sbyte)element(i);
        return node.Builder.Constant(Int4.Pack(shape, values));
    }

    private static T[] Turn<T>(T[] values, int rows, int columns) => [.. Enumerable.Range(0, values.Length).Select(i => values[i % rows * columns + i / rows])];
}
