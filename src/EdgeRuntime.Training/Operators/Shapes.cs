using EdgeRuntime.Tensors;

namespace EdgeRuntime.Training;

/// <summary>Operators that only move elements.</summary>
public static class ShapeOperators
{
    /// <summary>The same elements under another shape, without a copy.</summary>
    public static Variable Reshape(this Tape tape, Variable x, TensorShape shape)
    {
        Variable y = new(x.Name, shape, x.Data, x.RequiresGradient && tape.IsTraining);
        return tape.Record(y, dy => tape.GiveGradient(x, dy));
    }

    /// <summary>Dimension i of the result is dimension <paramref name="permutation"/>[i] of x.</summary>
    public static Variable Transpose(this Tape tape, Variable x, params int[] permutation)
    {
        TensorShape shape = x.Shape.Permute(permutation);
        int rank = shape.Rank;
        int[] strides = new int[rank];
        for (int i = 0; i < rank; i++) strides[i] = (int)x.Shape.CountOf(permutation[i] + 1, rank);
        Variable y = tape.New(shape, x.RequiresGradient);
        Walk(shape, strides, 0, (to, from) => y.Data[to] = x.Data[from]);
        return tape.Record(y, dy =>
        {
            float[] dx = tape.GradientOf(x);
            Walk(shape, strides, 0, (to, from) => dx[from] += dy[to]);
        });
    }

    /// <summary>Zero borders: before and after every axis.</summary>
    public static Variable Pad(this Tape tape, Variable x, ReadOnlySpan<int> before, ReadOnlySpan<int> after, float value = 0)
    {
        int rank = x.Shape.Rank, origin = 0;
        int[] dims = new int[rank], strides = new int[rank];
        for (int i = 0; i < rank; i++) dims[i] = x.Shape[i] + before[i] + after[i];
        TensorShape shape = new(dims);
        for (int i = 0; i < rank; i++) origin += before[i] * (strides[i] = (int)shape.CountOf(i + 1, rank));
        Variable y = tape.New(shape, x.RequiresGradient);
        Array.Fill(y.Data, value);
        Walk(x.Shape, strides, origin, (from, to) => y.Data[to] = x.Data[from]);
        return tape.Record(y, dy =>
        {
            float[] dx = tape.GradientOf(x);
            Walk(x.Shape, strides, origin, (from, to) => dx[from] += dy[to]);
        });
    }

    /// <summary>Elements [<paramref name="start"/>, <paramref name="end"/>) of one axis.</summary>
    public static Variable Slice(this Tape tape, Variable x, int axis, int start, int end)
    {
        int outer = (int)x.Shape.CountOf(0, axis), inner = (int)x.Shape.CountOf(axis + 1, x.Shape.Rank), size = x.Shape[axis], run = (end - start) * inner;
        Variable y = tape.New(x.Shape.With(axis, end - start), x.RequiresGradient);
        for (int i = 0; i < outer; i++) x.Data.AsSpan((i * size + start) * inner, run).CopyTo(y.Data.AsSpan(i * run));
        return tape.Record(y, dy =>
        {
            float[] dx = tape.GradientOf(x);
            for (int i = 0; i < outer; i++) VectorMath.Add(dy.AsSpan(i * run, run), dx.AsSpan((i * size + start) * inner, run));
        });
    }

    /// <summary>Elements starts, starts + steps, … below ends, on every axis.</summary>
    public static Variable Slice(this Tape tape, Variable x, ReadOnlySpan<int> starts, ReadOnlySpan<int> ends, ReadOnlySpan<int> steps)
    {
        int rank = x.Shape.Rank, origin = 0;
        int[] dims = new int[rank], strides = new int[rank];
        for (int i = 0; i < rank; i++)
        {
            int stride = (int)x.Shape.CountOf(i + 1, rank);
            origin += starts[i] * stride;
            strides[i] = steps[i] * stride;
            dims[i] = (ends[i] - starts[i] + steps[i] - 1) / steps[i];
        }
        Variable y = tape.New(new TensorShape(dims), x.RequiresGradient);
        Walk(y.Shape, strides, origin, (to, from) => y.Data[to] = x.Data[from]);
        return tape.Record(y, dy =>
        {
            float[] dx = tape.GradientOf(x);
            Walk(y.Shape, strides, origin, (to, from) => dx[from] += dy[to]);
        });
    }

    /// <summary>Elements <paramref name="indices"/> of one axis.</summary>
    public static Variable Gather(this Tape tape, Variable x, int axis, ReadOnlySpan<int> indices)
    {
        int outer = (int)x.Shape.CountOf(0, axis), inner = (int)x.Shape.CountOf(axis + 1, x.Shape.Rank), size = x.Shape[axis];
        int[] from = indices.ToArray();
        Variable y = tape.New(x.Shape.With(axis, from.Length), x.RequiresGradient);
        for (int i = 0; i < outer; i++)
            for (int j = 0; j < from.Length; j++) x.Data.AsSpan((i * size + from[j]) * inner, inner).CopyTo(y.Data.AsSpan((i * from.Length + j) * inner));
        return tape.Record(y, dy =>
        {
            float[] dx = tape.GradientOf(x);
            for (int i = 0; i < outer; i++)
                for (int j = 0; j < from.Length; j++) VectorMath.Add(dy.AsSpan((i * from.Length + j) * inner, inner), dx.AsSpan((i * size + from[j]) * inner, inner));
        });
    }

    /// <summary>Joins along one axis.</summary>
    public static Variable Concat(this Tape tape, int axis, params Variable[] parts)
    {
        TensorShape first = parts[0].Shape;
        int outer = (int)first.CountOf(0, axis), total = parts.Sum(p => p.Shape[axis]), inner = (int)first.CountOf(axis + 1, first.Rank);
        Variable y = tape.New(first.With(axis, total), parts.Any(p => p.RequiresGradient));
        int at = 0;
        foreach (Variable p in parts)
        {
            int run = p.Shape[axis] * inner;
            for (int i = 0; i < outer; i++) p.Data.AsSpan(i * run, run).CopyTo(y.Data.AsSpan(i * total * inner + at));
            at += run;
        }
        return tape.Record(y, dy =>
        {
            int from = 0;
            foreach (Variable p in parts)
            {
                int run = p.Shape[axis] * inner;
                if (p.RequiresGradient)
                    for (int i = 0; i < outer; i++) VectorMath.Add(dy.AsSpan(i * total * inner + from, run), tape.GradientOf(p).AsSpan(i * run, run));
                from += run;
            }
        });
    }

    /// <summary>Rows of <paramref name="table"/> [vocabulary, D] by index → [indices, D].</summary>
    public static Variable Embedding(this Tape tape, Variable table, ReadOnlySpan<int> indices)
    {
        int width = table.Shape[1];
        int[] rows = indices.ToArray();
        Variable y = tape.New(new TensorShape(rows.Length, width), table.RequiresGradient);
        for (int i = 0; i < rows.Length; i++) table.Data.AsSpan(rows[i] * width, width).CopyTo(y.Data.AsSpan(i * width));
        return tape.Record(y, dy =>
        {
            float[] dt = tape.GradientOf(table);
            for (int i = 0; i < rows.Length; i++) VectorMath.Add(dy.AsSpan(i * width, width), dt.AsSpan(rows[i] * width, width));
        });
    }

    /// <summary>Visits all elements of <paramref name="shape"/> in order, with a second place that moves by <paramref name="strides"/>.</summary>
    internal static void Walk(TensorShape shape, int[] strides, int origin, Action<int, int> visit)
    {
        int rank = shape.Rank, count = (int)shape.ElementCount, place = origin;
        int[] index = new int[rank];
        for (int i = 0; i < count; i++)
        {
            visit(i, place);
            for (int d = rank - 1; d >= 0; d--)
            {
                place += strides[d];
                if (++index[d] < shape[d]) break;
                place -= index[d] * strides[d];
                index[d] = 0;
            }
        }
    }
}
