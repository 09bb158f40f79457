using EdgeRuntime.Kernels;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Training;

/// <summary>Integer operators without weights: integers as the runtime's reference kernels find them, gradients as of the float operator.</summary>
internal static class IntegerOperators
{
    /// <summary>Runs <paramref name="node"/> on reals <paramref name="x"/> quantised by <paramref name="inputs"/>; <paramref name="real"/> is the float operator.</summary>
    public static Variable Run(Tape tape, Node node, Variable?[] x, QuantizationSteps[] inputs, QuantizedOutput output, Func<Variable> real)
    {
        switch (node.Type)
        {
            case OperatorType.Add or OperatorType.Sub or OperatorType.Mul: return Binary(tape, node, x, inputs, output, real());
            case OperatorType.AveragePool or OperatorType.ReduceMean: return Average(tape, node, x[0]!, inputs[0], output, real());
            case OperatorType.Softmax: return Softmax(tape, node, x[0]!, inputs[0], output, real());
            case OperatorType.Requantize: return Map(tape, x[0]!, output, x[0]!, v => v);
            // These pick among reals that integers stand for, so that theirs are exact.
            case OperatorType.Clip or OperatorType.MaxPool or OperatorType.Concat or OperatorType.Reshape or OperatorType.Transpose or OperatorType.Pad or OperatorType.Slice or OperatorType.Gather:
                Variable picked = real();
                return Map(tape, picked, output, picked, v => v);
            case var type when type.IsFunction(): return Map(tape, x[0]!, output, real(), ElementFunctions.Of(node));
            default:
                throw new ModelException(ModelErrorKind.Unsupported, node.ToString(), "this integer operator can't be trained; leave it in float (option skip)");
        }
    }

    private static Variable Map(Tape tape, Variable x, QuantizedOutput output, Variable real, Func<float, float> map) =>
        IntegerLayers.Rounded(tape, real, output, i => Requantize.Quantize(map(x.Data[i]), output.Scale, output.ZeroPoint, output.Min, output.Max));

    private static Variable Binary(Tape tape, Node node, Variable?[] x, QuantizationSteps[] inputs, QuantizedOutput output, Variable real)
    {
        float[] a = Spread(x[0]!, real.Shape), b = Spread(x[1]!, real.Shape);
        (float sa, float sb, int za, int zb) = (inputs[0].Step(0), inputs[1].Step(0), inputs[0].ZeroPoint, inputs[1].ZeroPoint);
        int A(int i) => (int)MathF.Round(a[i] / sa) + za;
        int B(int i) => (int)MathF.Round(b[i] / sb) + zb;
        if (node.Type == OperatorType.Mul)
        {
            MulInt8Parameters mul = new(za, zb, FixedPointMultiplier.From((double)sa * sb / output.Scale), output.ZeroPoint, output.Min, output.Max);
            return IntegerLayers.Rounded(tape, real, output, i => mul.Apply(A(i), B(i)));
        }
        double factorB = (double)sb / output.Scale;
        AddInt8Parameters add = AddInt8Parameters.From((double)sa / output.Scale, za, node.Type == OperatorType.Sub ? -factorB : factorB, zb, output.ZeroPoint, output.Min, output.Max);
        return IntegerLayers.Rounded(tape, real, output, i => add.Apply(A(i), B(i)));
    }

    /// <summary>The elements of an operand under the shape of the result.</summary>
    private static float[] Spread(Variable x, TensorShape shape)
    {
        if (x.Shape == shape) return x.Data;
        float[] all = new float[shape.ElementCount];
        ShapeOperators.Walk(shape, ElementwiseOperators.Steps(x.Shape, shape), 0, (i, place) => all[i] = x.Data[place]);
        return all;
    }

    private static Variable Average(Tape tape, Node node, Variable x, QuantizationSteps input, QuantizedOutput output, Variable real)
    {
        int[] sums = new int[real.Count], counts = new int[real.Count];
        float inverse = 1 / input.Step(0);
        if (node.Type == OperatorType.ReduceMean)
        {
            ShapeOperators.Walk(x.Shape, PoolingOperators.Reduced(x.Shape, node.Attributes.Ints("axes")).Strides, 0, (from, to) => sums[to] += (int)MathF.Round(x.Data[from] * inverse));
            Array.Fill(counts, x.Count / real.Count);
        }
        else
        {
            ReadOnlySpan<int> kernel = node.Attributes.Ints("kernel");
            var shape = PoolingOperators.Shape(x, kernel[0], kernel[1], GraphOperators.Window(node.Attributes));
            bool countPadding = node.Attributes.Int("count_include_pad") != 0;
            tape.For(shape.Batch, (first, end, _) => PoolingOperators.Visit(shape, first, end, countPadding, (from, to, weight) =>
            {
                for (int c = 0; c < shape.Channels; c++) sums[to + c] += (int)MathF.Round(x.Data[from + c] * inverse);
                counts.AsSpan(to, shape.Channels).Fill((int)MathF.Round(1 / weight));
            }));
        }
        AverageInt8Parameters[] averages = new AverageInt8Parameters[counts.Max() + 1];
        foreach (int count in counts.Distinct())
            averages[count] = new AverageInt8Parameters(input.ZeroPoint, FixedPointMultiplier.From((double)input.Step(0) / output.Scale / count), output.ZeroPoint, output.Min, output.Max);
        return IntegerLayers.Rounded(tape, real, output, i => averages[counts[i]].Apply(sums[i]));
    }

    private static unsafe Variable Softmax(Tape tape, Node node, Variable x, QuantizationSteps input, QuantizedOutput output, Variable real)
    {
        int rank = x.Shape.Rank, axis = (node.Attributes.Int("axis") + rank) % rank, length = x.Shape[axis], inner = (int)x.Shape.CountOf(axis + 1, rank);
        SoftmaxInt8Parameters parameters = new(node.Attributes.Float("beta", 1), input.Step(0), output.Scale, output.ZeroPoint);
        ElementwiseReference kernel = new();
        sbyte[] integers = new sbyte[x.Count], row = new sbyte[length], result = new sbyte[length];
        for (int r = 0; r < x.Count / length; r++)
        {
            int start = r / inner * length * inner + r % inner;
            for (int i = 0; i < length; i++) row[i] = (sbyte)(MathF.Round(x.Data[start + i * inner] / input.Step(0)) + input.ZeroPoint);
            fixed (sbyte* from = row, to = result) kernel.SoftmaxInt8(parameters, from, to, length);
            for (int i = 0; i < length; i++) integers[start + i * inner] = result[i];
        }
        return IntegerLayers.Rounded(tape, real, output, i => integers[i]);
    }
}
