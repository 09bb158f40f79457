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

    private static void AddScaled(Span<double> to, ReadOnlySpan<double> from, double factor)
    {
        if (factor == 0) return;
        Span<Vector<double>> wideTo = MemoryMarshal.Cast<double, Vector<double>>(to);
        ReadOnlySpan<Vector<double>> wideFrom = MemoryMarshal.Cast<double, Vector<double>>(from);
        for (int i = 0; i < wideTo.Length; i++) wideTo[i] += wideFrom[i] * factor;
        for (int i = wideTo.Length * Vector<double>.Count; i < to.Length; i++) to[i] += from[i] * factor;
    }
}
