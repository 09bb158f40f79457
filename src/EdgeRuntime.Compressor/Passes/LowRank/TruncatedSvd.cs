namespace EdgeRuntime.Compressor;

/// <summary>
/// Best approximations of a matrix by products of two thin ones, from the eigenvectors of the smaller of M·Mᵀ and Mᵀ·M.
/// Singular values below about 1e-8 of the largest are lost in rounding, far below what float weights carry.
/// </summary>
internal sealed class TruncatedSvd
{
    private readonly Matrix _matrix, _vectors;
    private readonly bool _isWide;
    private readonly double[] _energies;

    public TruncatedSvd(Matrix matrix)
    {
        _matrix = matrix;
        _isWide = matrix.Rows <= matrix.Columns;
        Matrix tall = _isWide ? matrix.Transpose() : matrix;
        (_energies, _vectors) = SymmetricEigen.Of(tall.TransposedTimes(tall));
        for (int i = 0; i < _energies.Length; i++) _energies[i] = Math.Max(0, _energies[i]);
    }

    /// <summary>‖M − A·B‖ / ‖M‖ of the approximation of this rank.</summary>
    public double Error(int rank) => _energies.Sum() is > 0 and double all ? Math.Sqrt(_energies.Skip(rank).Sum() / all) : 0;

    /// <summary>The least rank that keeps this share of the squared elements.</summary>
    public int RankFor(double energy) => RankFor(_energies, energy);

    /// <summary>How many of the energies, the largest first, make up this share of their sum.</summary>
    public static int RankFor(double[] energies, double share)
    {
        double wanted = share * energies.Sum(), sum = 0;
        int rank = 0;
        while (rank < energies.Length && (rank == 0 || sum < wanted)) sum += energies[rank++];
        return rank;
    }

    /// <summary>A [rows × rank] and B [rank × columns]; column i of A is as long as row i of B, which suits quantisation.</summary>
    public (Matrix A, Matrix B) Truncate(int rank)
    {
        Matrix v = _vectors.FirstColumns(rank);
        (Matrix a, Matrix b) = _isWide ? (v, v.TransposedTimes(_matrix)) : (_matrix.Times(v), v.Transpose());
        for (int i = 0; i < rank; i++)
        {
            double root = Math.Pow(_energies[i], 0.25), scale = root == 0 ? 1 : _isWide ? root : 1 / root;
            for (int r = 0; r < a.Rows; r++) a[r, i] *= scale;
            foreach (ref double x in b.Row(i)) x /= scale;
        }
        return (a, b);
    }
}
