using System.Runtime.InteropServices;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Computes nodes with plain loops, in real numbers: quantised inputs are made real, the operator is applied in double
/// precision, and the result is rounded once to the output's type. It folds constants, and states what the operators
/// mean independently of the runtime's kernels; it is not meant to be fast.
/// </summary>
public static class HostEvaluator
{
    /// <summary>Runs the whole graph and returns every value by name.</summary>
    /// <param name="graph">A valid graph.</param>
    /// <param name="inputs">One tensor for each graph input, in order.</param>
    public static Dictionary<string, Tensor> Run(Graph graph, params IReadOnlyList<Tensor> inputs)
    {
        Dictionary<string, Tensor> values = [];
        for (int i = 0; i < inputs.Count; i++) values[graph.Inputs[i].Name] = inputs[i];
        foreach (Node node in graph.Nodes)
            values[node.Output.Name] = Evaluate(node, v => v.Constant ?? values[v.Name]);
        return values;
    }

    /// <summary>The output of <paramref name="node"/>, whose inputs' contents <paramref name="contents"/> gives.</summary>
    public static Tensor Evaluate(Node node, Func<ValueInfo, Tensor> contents)
    {
        Tensor x = contents(node.Input(0));
        switch (node.Type)
        {
            case OperatorType.Reshape: return x.Reshape(node.Output.Shape);
            case OperatorType.Transpose: return GraphEditor.Transpose(x, node.Attributes.Ints("perm"));
        }
        // Signs of a layer's sums don't depend on scales, and its bias is in steps of the sums.
        bool scaled = node.Output.Type != ElementType.Binary || node.Type == OperatorType.Binarize;
        double[][] inputs = [.. node.Inputs.Select(v => v is null ? [] : ToReals(contents(v), scaled ? v.Quantization : null))];
        double[] result = Compute(node, inputs);
        Clamp(node, result);
        return FromReals(result, node.Output);
    }

    /// <summary>The real numbers that <paramref name="tensor"/> stands for.</summary>
    public static double[] ToReals(Tensor tensor, QuantizationParameters? quantization)
    {
        if (quantization is null) return Array.ConvertAll(tensor.ToFloats(), f => (double)f);
        return Array.ConvertAll(quantization.Dequantize(tensor), f => (double)f);
    }

    /// <summary><paramref name="reals"/> rounded to the type and quantisation of <paramref name="value"/>.</summary>
    public static Tensor FromReals(ReadOnlySpan<double> reals, ValueInfo value)
    {
        byte[] bytes = new byte[value.Type.ByteCount(reals.Length)];
        for (int i = 0; i < reals.Length; i++)
        {
            if (value.Type == ElementType.Binary) { if (reals[i] >= 0) bytes[i / 8] |= (byte)(1 << (i % 8)); continue; }
            if (value.Type == ElementType.Float32) { MemoryMarshal.Cast<byte, float>(bytes)[i] = (float)reals[i]; continue; }
            int c = value.Quantization?.ChannelOf(value.Shape, i) ?? 0;
            int q = Requantize.Quantize((float)reals[i], value.Quantization?.Scales[c] ?? 1, value.Quantization?.ZeroPoints[c] ?? 0,
                value.Type.MinValue(), value.Type.MaxValue());
            switch (value.Type.Bits())
            {
                case 8: bytes[i] = (byte)q; break;
                case 16: MemoryMarshal.Cast<byte, short>(bytes)[i] = (short)q; break;
                case 32: MemoryMarshal.Cast<byte, int>(bytes)[i] = q; break;
                default: throw new ModelException(ModelErrorKind.Unsupported, value.Name, $"constants of type {value.Type} are not computed");
            }
        }
        return new Tensor(value.Type, value.Shape, bytes);
    }

    private static double[] Compute(Node node, double[][] inputs) => node.Type switch
    {
        OperatorType.Clip or OperatorType.Quantize or OperatorType.Dequantize or OperatorType.Requantize => inputs[0],
        OperatorType.Binarize => Binarize(node, inputs),
        OperatorType.Sigmoid => Array.ConvertAll(inputs[0], v => 1 / (1 + Math.Exp(-v))),
        OperatorType.Tanh => Array.ConvertAll(inputs[0], Math.Tanh),
        OperatorType.Sqrt => Array.ConvertAll(inputs[0], Math.Sqrt),
        OperatorType.Abs => Array.ConvertAll(inputs[0], Math.Abs),
        OperatorType.Exp => Array.ConvertAll(inputs[0], Math.Exp),
        OperatorType.Log => Array.ConvertAll(inputs[0], Math.Log),
        OperatorType.LeakyRelu => Array.ConvertAll(inputs[0], v => v >= 0 ? v : node.Attributes.Float("alpha") * v),
        OperatorType.HardSwish => Array.ConvertAll(inputs[0], v => v * Math.Clamp(v / 6 + 0.5, 0, 1)),
        OperatorType.Slice or OperatorType.ReflectPad or OperatorType.Gather => Pick(node, inputs[0]),
        OperatorType.Add => Broadcast(node, inputs, (a, b) => a + b),
        OperatorType.Sub => Broadcast(node, inputs, (a, b) => a - b),
        OperatorType.Mul => Broadcast(node, inputs, (a, b) => a * b),
        OperatorType.Div => Broadcast(node, inputs, (a, b) => a / b),
        OperatorType.Maximum => Broadcast(node, inputs, Math.Max),
        OperatorType.Minimum => Broadcast(node, inputs, Math.Min),
        OperatorType.Convolution => HostWindows.Convolution(node, inputs),
        OperatorType.FullyConnected => HostWindows.FullyConnected(node, inputs),
        OperatorType.AveragePool or OperatorType.MaxPool => HostWindows.Pool(node, inputs[0]),
        OperatorType.ReduceMean => ReduceMean(node, inputs[0]),
        OperatorType.Softmax => Softmax(node, inputs[0]),
        OperatorType.Pad => Pad(node, inputs[0]),
        OperatorType.Concat => Concat(node, inputs),
        OperatorType.BatchNormalization => Normalize(node, inputs),
        _ => throw new ModelException(ModelErrorKind.Unsupported, node.ToString(), "the host evaluator does not compute this operator"),
    };

    private static void Clamp(Node node, double[] result)
    {
        if (!node.Attributes.Contains("min") && !node.Attributes.Contains("max")) return;
        double min = node.Attributes.Float("min", float.NegativeInfinity), max = node.Attributes.Float("max", float.PositiveInfinity);
        for (int i = 0; i < result.Length; i++) result[i] = Math.Min(Math.Max(result[i], min), max);
    }

    // Thresholds of integers are integers.
    private static double[] Binarize(Node node, double[][] inputs)
    {
        double zero = 0, scale = 1;
        if (node.Input(0).Quantization is { } q) (scale, zero) = (q.Scale, q.ZeroPoint);
        if (inputs.Length < 2) return inputs[0];
        return [.. inputs[0].Select((x, i) => x - scale * (inputs[1][inputs[1].Length == 1 ? 0 : i % inputs[1].Length] - zero))];
    }

    private static double[] Broadcast(Node node, double[][] inputs, Func<double, double, double> operation)
    {
        TensorShape shape = node.Output.Shape;
        double[] result = new double[shape.ElementCount];
        for (int i = 0; i < result.Length; i++)
            result[i] = operation(inputs[0][Source(shape, node.Input(0).Shape, i)], inputs[1][Source(shape, node.Input(1).Shape, i)]);
        return result;
    }

    // The element of an operand of shape `operand` that broadcasting puts at `index` of `shape`.
    private static int Source(TensorShape shape, TensorShape operand, int index)
    {
        int source = 0, stride = 1;
        for (int axis = 1; axis <= operand.Rank; axis++)
        {
            int position = index % shape[-axis];
            index /= shape[-axis];
            if (operand[-axis] != 1) source += position * stride;
            stride *= operand[-axis];
        }
        return source;
    }

    private static double[] ReduceMean(Node node, double[] x)
    {
        TensorShape shape = node.Input(0).Shape, kept = shape;
        foreach (int axis in node.Attributes.Ints("axes")) kept = kept.With(axis, 1);
        double[] sums = new double[kept.ElementCount];
        for (int i = 0; i < x.Length; i++) sums[Source(shape, kept, i)] += x[i];
        double count = x.Length / Math.Max(sums.Length, 1);
        return Array.ConvertAll(sums, s => s / count);
    }

    private static double[] Softmax(Node node, double[] x)
    {
        TensorShape shape = node.Input(0).Shape;
        int axis = (node.Attributes.Int("axis") + shape.Rank) % shape.Rank;
        int inner = (int)shape.CountOf(axis + 1, shape.Rank), length = shape[axis];
        double beta = node.Attributes.Float("beta", 1);
        double[] result = new double[x.Length];
        for (int start = 0; start < x.Length; start += inner * length)
            for (int j = 0; j < inner; j++)
            {
                double max = double.NegativeInfinity, sum = 0;
                for (int k = 0; k < length; k++) max = Math.Max(max, x[start + k * inner + j]);
                for (int k = 0; k < length; k++) sum += result[start + k * inner + j] = Math.Exp(beta * (x[start + k * inner + j] - max));
                for (int k = 0; k < length; k++) result[start + k * inner + j] /= sum;
            }
        return result;
    }

    private static double[] Pad(Node node, double[] x)
    {
        TensorShape from = node.Input(0).Shape, to = node.Output.Shape;
        ReadOnlySpan<int> pads = node.Attributes.Ints("pads");
        double[] result = new double[to.ElementCount];
        Array.Fill(result, node.Attributes.Float("value"));
        for (int i = 0; i < x.Length; i++)
        {
            int rest = i, target = 0, stride = 1;
            for (int axis = from.Rank - 1; axis >= 0; axis--)
            {
                target += (rest % from[axis] + pads[axis]) * stride;
                rest /= from[axis];
                stride *= to[axis];
            }
            result[target] = x[i];
        }
        return result;
    }

    private static double[] Pick(Node node, double[] x)
    {
        TensorShape from = node.Input(0).Shape, to = node.Output.Shape;
        double[] result = new double[to.ElementCount];
        for (int i = 0; i < result.Length; i++)
        {
            int rest = i, source = 0, stride = 1;
            for (int axis = to.Rank - 1; axis >= 0; axis--)
            {
                int at = rest % to[axis];
                if (node.Type == OperatorType.Slice) at = node.Attributes.Ints("starts")[axis] + at * node.Attributes.Ints("steps")[axis];
                else if (node.Type == OperatorType.Gather) at = (node.Attributes.Int("axis") + to.Rank) % to.Rank == axis ? node.Attributes.Ints("indices")[at] : at;
                else at = Math.Abs(at - node.Attributes.Ints("pads")[axis]) is var a && a < from[axis] ? a : 2 * from[axis] - 2 - a;
                source += at * stride;
                rest /= to[axis];
                stride *= from[axis];
            }
            result[i] = x[source];
        }
        return result;
    }

    private static double[] Concat(Node node, double[][] inputs)
    {
        TensorShape shape = node.Output.Shape;
        int axis = (node.Attributes.Int("axis") + shape.Rank) % shape.Rank;
        long row = shape.CountOf(axis, shape.Rank), offset = 0;
        double[] result = new double[shape.ElementCount];
        for (int n = 0; n < inputs.Length; n++)
        {
            long part = node.Input(n).Shape.CountOf(axis, shape.Rank);
            for (int i = 0; i < inputs[n].Length; i++) result[i / part * row + offset + i % part] = inputs[n][i];
            offset += part;
        }
        return result;
    }

    private static double[] Normalize(Node node, double[][] inputs)
    {
        TensorShape shape = node.Input(0).Shape;
        int axis = (node.Attributes.Int("axis") + shape.Rank) % shape.Rank;
        double epsilon = node.Attributes.Float("epsilon");
        double[] result = new double[inputs[0].Length];
        for (int i = 0; i < result.Length; i++)
        {
            long c = i / shape.CountOf(axis + 1, shape.Rank) % shape[axis];
            result[i] = (inputs[0][i] - inputs[3][c]) * inputs[1][c] / Math.Sqrt(inputs[4][c] + epsilon) + inputs[2][c];
        }
        return result;
    }
}
