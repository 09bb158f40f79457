using System.Runtime.InteropServices;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>
/// The fused sequence LSTMs. TFLite keeps every gate's weights apart, in the order i, f, g, o; their state tensors last from run to
/// run. Quantised ones are those of 8 bits with a 16-bit cell.
/// </summary>
internal static class TfLiteRecurrentConverters
{
    // TFLite's numbers of the gates in the project's order i, o, f, g.
    private static readonly int[] Order = [0, 3, 1, 2];

    /// <summary>UNIDIRECTIONAL_SEQUENCE_LSTM.</summary>
    public static void Unidirectional(TfLiteOperator op, TfLiteGraphBuilder g)
    {
        FlatTable? options = TfLiteConverters.Options(op, g, TfLiteOptions.UnidirectionalSequenceLstm);
        CheckActivation(g, options);
        Cell cell = new(op, g, 0);
        ValueInfo x = g.Value(op.Inputs[0]), y = g.Value(op.Outputs[0]);
        AttributeSet attributes = new AttributeSet().Set("direction", 0).Set("stateful", 1);
        if (options?.Scalar<float>(1) is > 0 and var clip) attributes.Set("cell_clip", clip);
        ValueInfo?[] parameters;
        if (x.Type == ElementType.Float32) parameters = [cell.Floats("W", 1), cell.Floats("R", 5), cell.Floats("bias", 12)];
        else
        {
            TfLiteConverters.RequireReals(g, x, y);
            if (x.Type != ElementType.Int8) throw g.Unsupported($"quantised input {x}; int8 is");
            CheckStates(op, g, y);
            attributes.Set("cell_exponent", CellExponent(op, g));
            parameters = cell.Integers(x, y);
        }
        bool isShifted = y.Quantization is { ZeroPoint: not 0 };
        ValueInfo layer = isShifted ? Unshifted(g, y) : y;
        Emit(g, x, layer, options?.Flag(3) == true, parameters, attributes);
        if (!isShifted) return;
        ValueInfo shift = g.FreshConstant($"{y.Name}/shift", Tensor.Vector((sbyte)y.Quantization!.ZeroPoint), new QuantizationParameters(2 * y.Quantization.Scale, 0));
        g.Add(OperatorType.Sub, [layer, shift], y);
    }

    /// <summary>BIDIRECTIONAL_SEQUENCE_LSTM in float, its outputs joined.</summary>
    public static void Bidirectional(TfLiteOperator op, TfLiteGraphBuilder g)
    {
        FlatTable? options = TfLiteConverters.Options(op, g, TfLiteOptions.BidirectionalSequenceLstm);
        CheckActivation(g, options);
        if (options?.Flag(3) != true) throw g.Unsupported("two outputs, one a direction; join them (merge_outputs)");
        if (op.Inputs.Length > 39 && op.Inputs.Skip(39).Any(i => i >= 0)) throw g.Unsupported("an auxiliary input");
        ValueInfo x = g.Value(op.Inputs[0]), y = g.Value(op.Outputs[0]);
        if (x.Type != ElementType.Float32) throw g.Unsupported($"quantised input {x}; a bidirectional LSTM is converted in float");
        Cell forward = new(op, g, 0), backward = new(op, g, 17);
        AttributeSet attributes = new AttributeSet().Set("direction", 2).Set("stateful", 1);
        if (options?.Scalar<float>(1) is > 0 and var clip) attributes.Set("cell_clip", clip);
        Emit(g, x, y, options?.Flag(4) == true, [Join(g, forward.Floats("W", 1), backward.Floats("W", 1)),
            Join(g, forward.Floats("R", 5), backward.Floats("R", 5)), Join(g, forward.Floats("bias", 12), backward.Floats("bias", 12))], attributes);
    }

    /// <summary>
    /// TensorFlow Lite takes the hidden state's zero point z off the integers that it should be added to, so that they stand for
    /// values with the zero point −z; all that reads them takes z for granted, and states begin at z. Here the layer gives those
    /// integers under −z, and subtracting 2·z·scale, which leaves the bits as they are, gives them the zero point z.
    /// </summary>
    private static ValueInfo Unshifted(TfLiteGraphBuilder g, ValueInfo y)
    {
        QuantizationParameters q = y.Quantization!;
        if (q.ZeroPoint == sbyte.MinValue) throw g.Unsupported($"the zero point {q.ZeroPoint} of {y.Name}");
        return g.Fresh(y.Name, y.Type, y.Shape, new QuantizationParameters(q.Scale, -q.ZeroPoint));
    }

    /// <summary>The node, with the batch brought behind the time.</summary>
    private static void Emit(TfLiteGraphBuilder g, ValueInfo x, ValueInfo y, bool timeMajor, ValueInfo?[] parameters, AttributeSet attributes)
    {
        if (timeMajor)
        {
            g.Add(OperatorType.Lstm, [x, .. parameters], y, attributes);
            return;
        }
        if (x.Shape.Rank != 3 || y.Shape.Rank != 3) throw g.Invalid(y.Name, $"{x} and {y} must have rank 3");
        ValueInfo turned = g.Fresh(x.Name, x.Type, x.Shape.Permute([1, 0, 2]), x.Quantization), result = g.Fresh(y.Name, y.Type, y.Shape.Permute([1, 0, 2]), y.Quantization);
        g.Add(OperatorType.Transpose, [x], turned, new AttributeSet().Set("perm", 1, 0, 2));
        g.Add(OperatorType.Lstm, [turned, .. parameters], result, attributes);
        g.Add(OperatorType.Transpose, [result], y, new AttributeSet().Set("perm", 1, 0, 2));
    }

    private static void CheckActivation(TfLiteGraphBuilder g, FlatTable? options)
    {
        var activation = (TfLiteActivation)(options?.Scalar<byte>(0) ?? 0);
        if (activation != TfLiteActivation.Tanh) throw g.Unsupported($"activation {activation}; Tanh is");
    }

    /// <summary>The hidden state, its inner product and the output must be quantised alike, as converters do where nothing is projected.</summary>
    private static void CheckStates(TfLiteOperator op, TfLiteGraphBuilder g, ValueInfo y)
    {
        if (op.Intermediates.Length < 5) throw g.Unsupported("quantised without a 16-bit cell (hybrid); convert the network with full integer quantisation");
        QuantizationParameters q = y.Quantization!;
        foreach (int index in (ReadOnlySpan<int>)[TfLiteConverters.InputIndex(op, g, 18), op.Intermediates[4]])
        {
            if (index < 0) continue;
            TfLiteTensor t = g.RawTensor(index);
            if (t.Scales.Length != 1 || Math.Abs(t.Scales[0] / q.Scale - 1) > 1e-5 || t.ZeroPoints.FirstOrDefault() != q.ZeroPoint)
                throw g.Unsupported($"the hidden state {t.Name} is quantised otherwise than the output");
        }
    }

    private static int CellExponent(TfLiteOperator op, TfLiteGraphBuilder g)
    {
        TfLiteTensor t = g.RawTensor(TfLiteConverters.InputIndex(op, g, 19));
        float scale = t.Scales.Length == 1 ? t.Scales[0] : 0;
        int exponent = scale > 0 ? (int)Math.Round(Math.Log2(scale)) : 1;
        if (exponent is < -15 or > 0 || scale != MathF.ScaleB(1, exponent)) throw g.Unsupported($"the cell {t.Name} has the scale {scale}, no power of two from 2^-15 to 1");
        return exponent;
    }

    private static ValueInfo? Join(TfLiteGraphBuilder g, ValueInfo? a, ValueInfo? b)
    {
        if (a is null || b is null) return a is null == b is null ? null : throw g.Unsupported("biases of one direction only");
        return g.FreshConstant(a.Name, Tensor.From<float>(a.Shape.With(0, a.Shape[0] + b.Shape[0]), [.. a.Constant!.ToFloats(), .. b.Constant!.ToFloats()]));
    }

    /// <summary>The weights of one direction, found at the forward direction's input numbers plus an offset.</summary>
    private sealed class Cell
    {
        private readonly TfLiteOperator _op;
        private readonly TfLiteGraphBuilder _g;
        private readonly int _at;

        public Cell(TfLiteOperator op, TfLiteGraphBuilder g, int at)
        {
            (_op, _g, _at) = (op, g, at);
            if (!Has(1) || !Has(5)) throw g.Unsupported("an input gate coupled to the forget gate (CIFG); train the network without it");
            if (Has(9) || Has(10) || Has(11)) throw g.Unsupported("peephole weights; train the network without them");
            if (Has(16) || Has(17)) throw g.Unsupported("a projection of the hidden state; train the network without it");
            if (at == 0 && Enumerable.Range(20, 4).Any(Has) && op.Code == TfLiteOperatorCode.UnidirectionalSequenceLstm) throw g.Unsupported("layer normalisation; train the network without it");
        }

        /// <summary>The four gates' constants from input <paramref name="first"/> on, as one of float; null where absent.</summary>
        public ValueInfo? Floats(string role, int first)
        {
            if (!Has(first)) return null;
            float[][] gates = [.. Order.Select(i => _g.Reals(Value(first + i)).ToFloats())];
            return _g.FreshConstant(Name(role), Tensor.From<float>(Joined(first), [.. gates.SelectMany(v => v)]));
        }

        /// <summary>W, R and bias in integers, with one scale a row.</summary>
        public ValueInfo?[] Integers(ValueInfo x, ValueInfo y)
        {
            ValueInfo r = Integers("R", 5), w = Integers("W", 1);
            ValueInfo? bias = Has(12) ? Bias(x.Quantization!.Scale) : null;
            QuantizationParameters hidden = y.Quantization!;
            if (hidden.ZeroPoint == 0) return [w, r, bias];
            sbyte[] first = new sbyte[r.Shape[1]];
            Array.Fill(first, (sbyte)hidden.ZeroPoint);
            TensorShape state = new(1, 1, first.Length);
            if (x.Shape.CountOf(0, 2) != Math.Max(x.Shape[0], x.Shape[1])) throw _g.Unsupported($"a batch of several sequences, {x}, quantised");
            return [w, r, bias, ShiftedBias(r, hidden), _g.FreshConstant(Name("state"), Tensor.From<sbyte>(state, first), Unshifted(_g, y).Quantization)];
        }

        /// <summary>What <see cref="Unshifted"/> means for the recurrent sums: −2·z·ΣR.</summary>
        private ValueInfo ShiftedBias(ValueInfo r, QuantizationParameters hidden)
        {
            int[] values = r.Constant!.ToInts(), sums = new int[r.Shape[0]];
            for (int i = 0; i < values.Length; i++) sums[i / r.Shape[1]] -= 2 * hidden.ZeroPoint * values[i];
            float[] scales = Array.ConvertAll(r.Quantization!.Scales.ToArray(), s => s * hidden.Scale);
            return _g.FreshConstant(Name("recurrent bias"), Tensor.Vector<int>(sums), new QuantizationParameters(scales, axis: 0));
        }

        private ValueInfo Integers(string role, int first)
        {
            List<byte> all = [];
            List<float> scales = [];
            foreach (int i in Order)
            {
                ValueInfo v = Value(first + i);
                if (v is not { Constant: { Type: ElementType.Int8 } c, Quantization: { IsSymmetric: true } q }) throw _g.Unsupported($"{v} must be constant, int8 and symmetric");
                all.AddRange(c.Data.Span);
                for (int row = 0; row < v.Shape[0]; row++) scales.Add(q.Scales[q.IsPerTensor ? 0 : row]);
            }
            return _g.FreshConstant(Name(role), new Tensor(ElementType.Int8, Joined(first), all.ToArray()), new QuantizationParameters(CollectionsMarshal.AsSpan(scales), axis: 0));
        }

        private ValueInfo Bias(float inputScale)
        {
            List<int> all = [];
            List<float> scales = [];
            foreach (int i in Order)
            {
                ValueInfo v = Value(12 + i), w = Value(1 + i);
                if (v.Constant is not { Type: ElementType.Int32 } c) throw _g.Unsupported($"{v} must be constant and int32");
                all.AddRange(c.ToInts());
                for (int row = 0; row < c.Count; row++) scales.Add(inputScale * w.Quantization!.Scales[w.Quantization.IsPerTensor ? 0 : row]);
            }
            return _g.FreshConstant(Name("bias"), Tensor.Vector<int>(CollectionsMarshal.AsSpan(all)), new QuantizationParameters(CollectionsMarshal.AsSpan(scales), axis: 0));
        }

        private TensorShape Joined(int first)
        {
            TensorShape one = Value(first).Shape;
            for (int i = 1; i < 4; i++)
                if (Value(first + i).Shape != one) throw _g.Unsupported($"gates of different shapes: {Value(first + i)} and {Value(first)}");
            return one.With(0, checked(4 * one[0]));
        }

        private bool Has(int input) => input + _at < _op.Inputs.Length && _op.Inputs[input + _at] >= 0;

        private ValueInfo Value(int input) => TfLiteConverters.Input(_op, _g, input + _at);

        private string Name(string role) => $"{_g.Value(_op.Outputs[0]).Name}/{role}{(_at > 0 ? ".backward" : "")}";
    }
}
