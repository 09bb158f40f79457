using MathNet.Numerics.LinearAlgebra;
using MathNet.Numerics.LinearAlgebra.Factorization;

namespace EdgeRuntime.Compressor;

/// <summary>Eigenvalues and eigenvectors of a symmetric matrix.</summary>
internal static class SymmetricEigen
{
    /// <summary>Eigenvalues, the largest first, and the eigenvectors as columns in the same order.</summary>
    public static (double[] Values, Matrix Vectors) Of(Matrix symmetric)
    {
        int n = symmetric.Rows;
        Evd<double> found = CreateMatrix.Dense(n, n, (double[])symmetric.Values.Clone()).Evd(Symmetricity.Symmetric);
        // They come the smallest first.
        Matrix vectors = new(n, n);
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++) vectors[i, j] = found.EigenVectors[i, n - 1 - j];
        return ([.. found.EigenValues.Reverse().Select(v => v.Real)], vectors);
    }
}
