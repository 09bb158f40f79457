namespace EdgeRuntime.Compressor;

/// <summary>
/// W[o,s,c] ≈ Σ U[o,q] · G[q,s,p] · V[c,p] with orthonormal U and V: the higher-order SVD (De Lathauwer et al., 2000), then
/// higher-order orthogonal iteration. Kim et al., "Compression of deep convolutional neural networks", 2016.
/// </summary>
internal sealed class Tucker2
{
    private const int Iterations = 10;

    private readonly int _taps;
    private readonly Matrix _byInput;
    private readonly double[] _outputEnergies, _inputEnergies;
    private readonly Matrix _outputVectors, _inputVectors;

    /// <param name="weights">[O × taps·C].</param>
    /// <param name="taps">Window elements.</param>
    public Tucker2(Matrix weights, int taps)
    {
        _taps = taps;
        _byInput = weights.Reshape(weights.Rows * taps, weights.Columns / taps);
        Matrix byOutput = weights.Transpose();
        (_outputEnergies, _outputVectors) = SymmetricEigen.Of(byOutput.TransposedTimes(byOutput));
        (_inputEnergies, _inputVectors) = SymmetricEigen.Of(_byInput.TransposedTimes(_byInput));
    }

    /// <summary>Ranks for which each mode loses half of what may be lost.</summary>
    public int[] RanksFor(double energy) => [TruncatedSvd.RankFor(_inputEnergies, (1 + energy) / 2), TruncatedSvd.RankFor(_outputEnergies, (1 + energy) / 2)];

    /// <summary>V [C × p], G [q × taps·p], U [O × q], and the relative error.</summary>
    public (Matrix V, Matrix G, Matrix U, double Error) Truncate(int inputRank, int outputRank)
    {
        int outputs = _outputVectors.Rows;
        Matrix v = _inputVectors.FirstColumns(inputRank), u = _outputVectors.FirstColumns(outputRank);
        double all = _byInput.Energy(), kept = 0;
        for (int i = 0; ; i++)
        {
            Matrix projected = _byInput.Times(v).Reshape(outputs, _taps * inputRank), core = u.TransposedTimes(projected);
            double energy = core.Energy();
            if (i == Iterations || energy <= kept * (1 + 1e-9)) return (v, core, u, all == 0 ? 0 : Math.Sqrt(Math.Max(0, 1 - energy / all)));
            kept = energy;
            u = Leading(projected.Transpose(), outputRank);
            v = Leading(u.TransposedTimes(_byInput.Reshape(outputs, _taps * _byInput.Columns)).Reshape(outputRank * _taps, _byInput.Columns), inputRank);
        }
    }

    private static Matrix Leading(Matrix tall, int rank) => SymmetricEigen.Of(tall.TransposedTimes(tall)).Vectors.FirstColumns(rank);
}
