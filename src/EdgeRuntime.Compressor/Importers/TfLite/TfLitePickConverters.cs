using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>Operators that pick, repeat or rearrange elements by constant indices.</summary>
internal static class TfLitePickConverters
{
    /// <summary>SLICE: a size of −1 reaches to the end.</summary>
    public static void Slice(TfLiteOperator op, TfLiteGraphBuilder g)
    {
        TensorShape s = TfLiteConverters.Input(op, g, 0).Shape;
        int[] starts = g.Integers(TfLiteConverters.InputIndex(op, g, 1)), sizes = g.Integers(TfLiteConverters.InputIndex(op, g, 2));
        if (starts.Length != s.Rank || sizes.Length != s.Rank) throw g.Invalid(TfLiteConverters.Output(op, g).Name, $"{starts.Length} starts and {sizes.Length} sizes of {s}");
        Emit(g, op, TfLiteConverters.Output(op, g), starts, [.. sizes.Select((size, i) => size < 0 ? s[i] : checked(starts[i] + size))], [.. sizes.Select(_ => 1)]);
    }

    /// <summary>STRIDED_SLICE with positive strides; axes that are shrunk away follow from the output's shape.</summary>
    public static void StridedSlice(TfLiteOperator op, TfLiteGraphBuilder g)
    {
        TensorShape s = TfLiteConverters.Input(op, g, 0).Shape;
        FlatTable? options = TfLiteConverters.Options(op, g, TfLiteOptions.StridedSlice);
        int Mask(int field) => options?.Scalar<int>(field) ?? 0;
        if (Mask(2) != 0 || Mask(3) != 0) throw g.Unsupported("ellipses and new axes");
        int[] begin = g.Integers(TfLiteConverters.InputIndex(op, g, 1)), end = g.Integers(TfLiteConverters.InputIndex(op, g, 2)), steps = g.Integers(TfLiteConverters.InputIndex(op, g, 3));
        if (begin.Length > s.Rank || end.Length != begin.Length || steps.Length != begin.Length) throw g.Invalid(TfLiteConverters.Output(op, g).Name, $"{begin.Length} ranges of {s}");
        if (steps.Any(step => step < 1)) throw g.Unsupported("a slice backwards");
        int[] starts = new int[s.Rank], ends = s.Dimensions.ToArray(), strides = [.. Enumerable.Repeat(1, s.Rank)];
        for (int i = 0; i < begin.Length; i++)
        {
            bool shrinks = (Mask(4) >> i & 1) != 0;
            strides[i] = shrinks ? 1 : steps[i];
            if ((Mask(0) >> i & 1) == 0) starts[i] = Math.Clamp(begin[i] < 0 ? begin[i] + s[i] : begin[i], 0, s[i]);
            ends[i] = shrinks ? starts[i] + 1 : (Mask(1) >> i & 1) != 0 ? s[i] : Math.Clamp(end[i] < 0 ? end[i] + s[i] : end[i], starts[i], s[i]);
        }
        Emit(g, op, TfLiteConverters.Output(op, g), starts, ends, strides);
    }

    /// <summary>SPLIT, SPLIT_V and UNPACK: parts one after another along one axis, as long as the outputs.</summary>
    public static void Split(TfLiteOperator op, TfLiteGraphBuilder g)
    {
        int data = op.Code == TfLiteOperatorCode.Split ? 1 : 0;
        TensorShape s = TfLiteConverters.Input(op, g, data).Shape;
        int axis = op.Code == TfLiteOperatorCode.Unpack ? TfLiteConverters.Options(op, g, TfLiteOptions.Unpack)?.Scalar<int>(1) ?? 0
            : g.Integers(TfLiteConverters.InputIndex(op, g, op.Code == TfLiteOperatorCode.Split ? 0 : 2))[0];
        axis = Axis(g, axis, s);
        int at = 0;
        foreach (ValueInfo y in op.Outputs.Select(g.Value))
        {
            int length = op.Code == TfLiteOperatorCode.Unpack ? 1 : y.Shape.Rank == s.Rank ? y.Shape[axis] : throw g.Invalid(y.Name, $"{y.Shape} is no part of {s}");
            int[] starts = new int[s.Rank], ends = s.Dimensions.ToArray();
            (starts[axis], ends[axis]) = (at, at += length);
            Emit(g, op, y, starts, ends, [.. Enumerable.Repeat(1, s.Rank)], data);
        }
    }

    /// <summary>PACK: inputs side by side along a new axis.</summary>
    public static void Pack(TfLiteOperator op, TfLiteGraphBuilder g)
    {
        ValueInfo y = TfLiteConverters.Output(op, g);
        int axis = Axis(g, TfLiteConverters.Options(op, g, TfLiteOptions.Pack)?.Scalar<int>(1) ?? 0, y.Shape);
        List<ValueInfo> parts = [];
        for (int i = 0; i < op.Inputs.Length; i++)
        {
            ValueInfo x = TfLiteConverters.Input(op, g, i);
            parts.Add(g.Fresh(x.Name, x.Type, y.Shape.With(axis, 1), x.Quantization));
            TfLiteConverters.AddMove(g, OperatorType.Reshape, [x], parts[i], new AttributeSet());
        }
        TfLiteConverters.AddMove(g, OperatorType.Concat, parts, y, new AttributeSet().Set("axis", axis));
    }

    /// <summary>GATHER with constant indices.</summary>
    public static void Gather(TfLiteOperator op, TfLiteGraphBuilder g)
    {
        FlatTable? options = TfLiteConverters.Options(op, g, TfLiteOptions.Gather);
        if ((options?.Scalar<int>(1) ?? 0) != 0) throw g.Unsupported("batch dimensions");
        TensorShape s = TfLiteConverters.Input(op, g, 0).Shape;
        Along(op, g, [(Axis(g, options?.Scalar<int>(0) ?? 0, s), g.Integers(TfLiteConverters.InputIndex(op, g, 1)))]);
    }

    /// <summary>RESIZE_NEAREST_NEIGHBOR.</summary>
    public static void ResizeNearest(TfLiteOperator op, TfLiteGraphBuilder g)
    {
        FlatTable? options = TfLiteConverters.Options(op, g, TfLiteOptions.ResizeNearest);
        bool corners = options?.Flag(0) == true, centres = options?.Flag(1) == true;
        TensorShape s = TfLiteConverters.Input(op, g, 0).Shape, y = TfLiteConverters.Output(op, g).Shape;
        Along(op, g, [.. Enumerable.Range(1, 2).Select(axis => (axis, Enumerable.Range(0, y[axis])
            .Select(i => TfLiteFunctionConverters.Place(i, s[axis], y[axis], corners, centres) + (centres ? 0.5f : 0))
            .Select(p => Math.Clamp((int)(corners ? MathF.Round(p, MidpointRounding.AwayFromZero) : MathF.Floor(p)), 0, s[axis] - 1)).ToArray()))]);
    }

    /// <summary>MIRROR_PAD: without the edge (reflect), or with it (symmetric).</summary>
    public static void MirrorPad(TfLiteOperator op, TfLiteGraphBuilder g)
    {
        TensorShape s = TfLiteConverters.Input(op, g, 0).Shape;
        int[] pairs = g.Integers(TfLiteConverters.InputIndex(op, g, 1));
        int repeat = TfLiteConverters.Options(op, g, TfLiteOptions.MirrorPad)?.Scalar<byte>(0) ?? 0;
        if (pairs.Length != 2 * s.Rank || pairs.Where((p, i) => p < 0 || p > s[i / 2] - 1 + repeat).Any()) throw g.Invalid(TfLiteConverters.Output(op, g).Name, $"paddings [{string.Join(",", pairs)}] of {s}");
        Along(op, g, [.. Enumerable.Range(0, s.Rank).Select(axis => (axis, Enumerable.Range(-pairs[2 * axis], s[axis] + pairs[2 * axis] + pairs[2 * axis + 1])
            .Select(i => i < 0 ? -i - repeat : i < s[axis] ? i : 2 * s[axis] - 2 - i + repeat).ToArray()))]);
    }

    /// <summary>DEPTH_TO_SPACE and SPACE_TO_DEPTH.</summary>
    public static void Blocks(TfLiteOperator op, TfLiteGraphBuilder g)
    {
        ValueInfo x = TfLiteConverters.Input(op, g, 0), y = TfLiteConverters.Output(op, g);
        bool toSpace = op.Code == TfLiteOperatorCode.DepthToSpace;
        int b = TfLiteConverters.Options(op, g, toSpace ? TfLiteOptions.DepthToSpace : TfLiteOptions.SpaceToDepth)?.Scalar<int>(0) ?? 0;
        (TensorShape wide, TensorShape deep) = toSpace ? (y.Shape, x.Shape) : (x.Shape, y.Shape);
        if (b < 1 || wide.Rank != 4 || deep.Rank != 4 || wide[1] != deep[1] * b || wide[2] != deep[2] * b || deep[3] != wide[3] * b * b) throw g.Invalid(y.Name, $"blocks of {b} from {x.Shape} to {y.Shape}");
        TensorShape split = toSpace ? new(deep[0], deep[1], deep[2], b, b, wide[3]) : new(deep[0], deep[1], b, deep[2], b, wide[3]);
        ValueInfo parts = g.Fresh(y.Name, x.Type, split, x.Quantization), turned = g.Fresh(y.Name, x.Type, split.Permute([0, 1, 3, 2, 4, 5]), x.Quantization);
        TfLiteConverters.AddMove(g, OperatorType.Reshape, [x], parts, new AttributeSet());
        TfLiteConverters.AddMove(g, OperatorType.Transpose, [parts], turned, new AttributeSet().Set("perm", 0, 1, 3, 2, 4, 5));
        TfLiteConverters.AddMove(g, OperatorType.Reshape, [turned], y, new AttributeSet());
    }

    private static void Emit(TfLiteGraphBuilder g, TfLiteOperator op, ValueInfo y, int[] starts, int[] ends, int[] steps, int data = 0)
    {
        ValueInfo x = TfLiteConverters.Input(op, g, data);
        TensorShape shape = new([.. starts.Select((start, i) => (ends[i] - start + steps[i] - 1) / steps[i])]);
        ValueInfo part = shape == y.Shape ? y : g.Fresh(y.Name, x.Type, shape, x.Quantization);
        TfLiteConverters.AddMove(g, OperatorType.Slice, [x], part, new AttributeSet().Set("starts", starts).Set("ends", ends).Set("steps", steps));
        if (part != y) TfLiteConverters.AddMove(g, OperatorType.Reshape, [part], y, new AttributeSet());
    }

    private static void Along(TfLiteOperator op, TfLiteGraphBuilder g, (int Axis, int[] Indices)[] picks)
    {
        ValueInfo x = TfLiteConverters.Input(op, g, 0), y = TfLiteConverters.Output(op, g);
        foreach ((int axis, int[] indices) in picks)
        {
            ValueInfo picked = g.Fresh(y.Name, x.Type, x.Shape.With(axis, indices.Length), x.Quantization);
            TfLiteConverters.AddMove(g, OperatorType.Gather, [x], picked, new AttributeSet().Set("axis", axis).Set("indices", indices));
            x = picked;
        }
        TfLiteConverters.AddMove(g, OperatorType.Reshape, [x], y, new AttributeSet());
    }

    private static int Axis(TfLiteGraphBuilder g, int axis, TensorShape shape) =>
        axis >= -shape.Rank && axis < shape.Rank ? (axis + shape.Rank) % shape.Rank : throw g.Unsupported($"axis {axis} of {shape}");
}
