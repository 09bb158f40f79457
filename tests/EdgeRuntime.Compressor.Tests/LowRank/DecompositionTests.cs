using Xunit;

namespace EdgeRuntime.Compressor.Tests;

public sealed class DecompositionTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(17)]
    [InlineData(64)]
    public void EigenvectorsDiagonalise(int size)
    {
        foreach (int rank in (int[])[0, 1, size / 2, size])
        {
            Matrix half = Random(Math.Max(rank, 1), size, seed: size + rank), a = half.TransposedTimes(half);
            if (rank == 0) a = new Matrix(size, size);
            (double[] values, Matrix v) = SymmetricEigen.Of(a);
            Assert.Equal(values.OrderDescending(), values);
            Matrix scaled = v.Transpose(), identity = v.TransposedTimes(v);
            for (int i = 0; i < size; i++)
                foreach (ref double x in scaled.Row(i)) x *= values[i];
            AssertClose(a, v.Times(scaled), 1e-10 * size);
            Matrix one = new(size, size);
            for (int i = 0; i < size; i++) one[i, i] = 1;
            AssertClose(one, identity, 1e-12 * size);
        }
    }

    [Theory]
    [InlineData(9, 30)]
    [InlineData(30, 9)]
    [InlineData(12, 12)]
    public void ATruncationHasTheErrorItSays(int rows, int columns)
    {
        Matrix m = Random(rows, columns, 5);
        TruncatedSvd svd = new(m);
        double previous = 1;
        for (int rank = 1; rank <= Math.Min(rows, columns); rank++)
        {
            (Matrix a, Matrix b) = svd.Truncate(rank);
            double error = Error(m, a.Times(b));
            Assert.Equal(error, svd.Error(rank), 6);
            Assert.True(error < previous);
            previous = error;
        }
        Assert.True(previous < 1e-6);
        Assert.Equal(Math.Min(rows, columns), svd.RankFor(1 - 1e-15));
    }

    [Fact]
    public void KnownRanksAreFound()
    {
        Matrix low = Random(20, 3, 1).Times(Random(3, 35, 2));
        Assert.Equal(3, new TruncatedSvd(low).RankFor(1 - 1e-9));
        Assert.True(new TruncatedSvd(low).Error(3) < 1e-6);

        // U [8×2] · G [2×9·3] · Vᵀ [3×6] over the last axis.
        Matrix tensor = Random(8, 2, 3).Times(Random(2, 9 * 3, 4)).Reshape(8 * 9, 3).Times(Random(3, 6, 5)).Reshape(8, 9 * 6);
        Tucker2 tucker = new(tensor, 9);
        Assert.Equal([3, 2], tucker.RanksFor(1 - 1e-9));
        (Matrix v, Matrix g, Matrix u, double error) = tucker.Truncate(3, 2);
        Assert.True(error < 1e-6);
        AssertClose(tensor, u.Times(g).Reshape(8 * 9, 3).Times(v.Transpose()).Reshape(8, 9 * 6), 1e-10);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(6)]
    public void AKnownCpTensorIsFound(int rank)
    {
        Matrix[] f = [Random(12, 3, 1), Random(3, 3, 2), Random(3, 3, 3), Random(10, 3, 4)];
        Matrix tensor = Product(f);
        (Matrix[] found, double error) = CanonicalPolyadic.Decompose(tensor, 3, 3, rank);
        Assert.True(error < 0.02, $"error {error}");
        Assert.Equal(error, Error(tensor, Product(found)), 3);
        // No component grows against another.
        Assert.All(found, m => Assert.True(m.Values.Max(Math.Abs) < 10));
    }

    [Fact]
    public void IterationImprovesOnTheFirstGuess()
    {
        Matrix tensor = Random(16, 9 * 12, 8);
        Tucker2 tucker = new(tensor, 9);
        double error = tucker.Truncate(4, 5).Error, higher = tucker.Truncate(8, 10).Error;
        Assert.InRange(error, 0.5, 1);
        Assert.True(higher < error);
    }

    private static Matrix Product(Matrix[] f)
    {
        Matrix tensor = new(f[0].Rows, f[1].Rows * f[2].Rows * f[3].Rows);
        for (int o = 0; o < f[0].Rows; o++)
            for (int y = 0; y < f[1].Rows; y++)
                for (int x = 0; x < f[2].Rows; x++)
                    for (int c = 0; c < f[3].Rows; c++)
                        for (int r = 0; r < f[0].Columns; r++)
                            tensor[o, (y * f[2].Rows + x) * f[3].Rows + c] += f[0][o, r] * f[1][y, r] * f[2][x, r] * f[3][c, r];
        return tensor;
    }

    private static Matrix Random(int rows, int columns, int seed)
    {
        Random random = new(seed);
        return new Matrix(rows, columns, [.. Enumerable.Range(0, rows * columns).Select(_ => random.NextDouble() * 2 - 1)]);
    }

    private static double Error(Matrix a, Matrix b) => Math.Sqrt(a.Values.Zip(b.Values, (x, y) => (x - y) * (x - y)).Sum() / a.Energy());

    private static void AssertClose(Matrix expected, Matrix actual, double tolerance)
    {
        for (int i = 0; i < expected.Values.Length; i++) Assert.Equal(expected.Values[i], actual.Values[i], tolerance);
    }
}
