using System.Numerics;
using System.Runtime.InteropServices;

namespace EdgeRuntime.Compressor;

/// <summary>A dense matrix of doubles, row after row.</summary>
internal sealed class Matrix(int rows, int columns, double[] values)
{
    public Matrix(int rows, int columns) : this(rows, columns, new double[rows * columns]) { }

    public int Rows => rows;

    public int Columns => columns;

    public double[] Values => values;

    public ref double this[int row, int column] => ref values[row * columns + column];

    public Span<double> Row(int row) => values.AsSpan(row * columns, columns);

    /// <summary>The same numbers under other dimensions.</summary>
    public Matrix Reshape(int newRows, int newColumns) => new(newRows, newColumns, values);

    public Matrix Transpose()
    {
        Matrix result = new(columns, rows);
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < columns; j++) result[j, i] = this[i, j];
        return result;
    }

    /// <summary>This times <paramref name="other"/>.</summary>
    public Matrix Times(Matrix other)
    {
        Matrix result = new(rows, other.Columns);
        for (int i = 0; i < rows; i++)
            for (int k = 0; k < columns; k++) AddScaled(result.Row(i), other.Row(k), this[i, k]);
        return result;
    }

    /// <summary>The transpose of this times <paramref name="other"/>.</summary>
    public Matrix TransposedTimes(Matrix other)
    {
        Matrix result = new(columns, other.Columns);
        for (int k = 0; k < rows; k++)
            for (int i = 0; i < columns; i++) AddScaled(result.Row(i), other.Row(k), this[k, i]);
        return result;
    }

    /// <summary>Adds the lower half, with the diagonal, of the transpose of <paramref name="other"/> times itself.</summary>
    public void AddGram(Matrix other)
    {
        int k = 0;
        for (; k + 4 <= other.Rows; k += 4)
            for (int i = 0; i < rows; i++)
                AddFour(Row(i)[..(i + 1)], [other[k, i], other[k + 1, i], other[k + 2, i], other[k + 3, i]], other.Row(k), other.Row(k + 1), other.Row(k + 2), other.Row(k + 3));
        for (; k < other.Rows; k++)
            for (int i = 0; i < rows; i++) AddScaled(Row(i)[..(i + 1)], other.Row(k)[..(i + 1)], other[k, i]);
    }

    /// <summary>The lower triangle L with L·Lᵀ = this, whose lower half is read; this must be positive definite.</summary>
    public Matrix Cholesky()
    {
        Matrix lower = new(rows, rows);
        for (int i = 0; i < rows; i++)
            for (int j = 0; j <= i; j++)
            {
                double rest = this[i, j] - Dot(lower.Row(i)[..j], lower.Row(j)[..j]);
                lower[i, j] = i == j ? Math.Sqrt(rest) : rest / lower[j, j];
            }
        return lower;
    }

    /// <summary>The first <paramref name="count"/> columns.</summary>
    public Matrix FirstColumns(int count)
    {
        Matrix result = new(rows, count);
        for (int i = 0; i < rows; i++) Row(i)[..count].CopyTo(result.Row(i));
        return result;
    }

    /// <summary>Σ of squares.</summary>
    public double Energy() => values.Sum(v => v * v);

    public float[] ToFloats() => Array.ConvertAll(values, v => (float)v);

    /// <summary>Σ of products.</summary>
    public static double Dot(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        ReadOnlySpan<Vector<double>> wideA = MemoryMarshal.Cast<double, Vector<double>>(a), wideB = MemoryMarshal.Cast<double, Vector<double>>(b);
        Vector<double> wide = Vector<double>.Zero;
        for (int i = 0; i < wideA.Length; i++) wide += wideA[i] * wideB[i];
        double sum = Vector.Sum(wide);
        for (int i = wideA.Length * Vector<double>.Count; i < a.Length; i++) sum += a[i] * b[i];
        return sum;
    }

    /// <summary>Adds four rows, each times a factor of its own: one pass over <paramref name="to"/> for all of them.</summary>
    public static void AddFour<T>(Span<T> to, ReadOnlySpan<T> factors, ReadOnlySpan<T> a, ReadOnlySpan<T> b, ReadOnlySpan<T> c, ReadOnlySpan<T> d) where T : struct, INumber<T>
    {
        Vector<T> f0 = new(factors[0]), f1 = new(factors[1]), f2 = new(factors[2]), f3 = new(factors[3]);
        Span<Vector<T>> wide = MemoryMarshal.Cast<T, Vector<T>>(to);
        ReadOnlySpan<Vector<T>> wa = MemoryMarshal.Cast<T, Vector<T>>(a), wb = MemoryMarshal.Cast<T, Vector<T>>(b);
        ReadOnlySpan<Vector<T>> wc = MemoryMarshal.Cast<T, Vector<T>>(c), wd = MemoryMarshal.Cast<T, Vector<T>>(d);
        for (int i = 0; i < wide.Length; i++) wide[i] += wa[i] * f0 + wb[i] * f1 + (wc[i] * f2 + wd[i] * f3);
        for (int i = wide.Length * Vector<T>.Count; i < to.Length; i++) to[i] += a[i] * factors[0] + b[i] * factors[1] + (c[i] * factors[2] + d[i] * factors[3]);
    }

    private static void AddScaled(Span<double> to, ReadOnlySpan<double> from, double factor)
    {
        if (factor == 0) return;
        Span<Vector<double>> wideTo = MemoryMarshal.Cast<double, Vector<double>>(to);
        ReadOnlySpan<Vector<double>> wideFrom = MemoryMarshal.Cast<double, Vector<double>>(from);
        for (int i = 0; i < wideTo.Length; i++) wideTo[i] += wideFrom[i] * factor;
        for (int i = wideTo.Length * Vector<double>.Count; i < to.Length; i++) to[i] += from[i] * factor;
    }
}
