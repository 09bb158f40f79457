namespace EdgeRuntime.Compressor;

/// <summary>
/// Learned rounding (Nagel et al., "Up or Down? Adaptive Rounding for Post-Training Quantization", 2020): each weight is
/// floor(w) + h(v) with the rectified sigmoid h(v) = clip(1.2·σ(v) − 0.1, 0, 1); Adam makes eᵀ·M·e + λ·Σ (1 − |2h − 1|^β) small,
/// with β falling from 20 to 2, which drives every h to 0 or 1. The error is that of the layer's output on the calibration data, of which
/// M is all that is needed: no data are touched while learning. A row that came out worse than by error feedback keeps the latter.
/// </summary>
internal static class AdaRound
{
    private const int Iterations = 600, LeastIterations = 100, RowsAtOnce = 8;

    /// <summary>Products for one layer, at most: fewer iterations for large ones.</summary>
    private const double MostProducts = 3e10;

    private const float Rate = 0.03f, Lambda = 0.05f, WarmUp = 0.2f, Stretch = 1.2f, Below = 0.1f;

    /// <param name="problem">What to round.</param>
    /// <param name="integers">In: a solution; out: in every row one that is no worse.</param>
    /// <param name="threads">Worker threads; the result does not depend on them.</param>
    public static void Round(RoundingProblem problem, sbyte[] integers, int threads)
    {
        float[] moments = problem.Moments.ToFloats();
        double products = (double)problem.Rows * problem.Columns * problem.Columns;
        int iterations = (int)Math.Clamp(MostProducts / products, LeastIterations, Iterations), blocks = (problem.Rows + RowsAtOnce - 1) / RowsAtOnce;
        Parallel.For(0, blocks, new ParallelOptions { MaxDegreeOfParallelism = threads }, block =>
        {
            int first = block * RowsAtOnce, rows = Math.Min(RowsAtOnce, problem.Rows - first);
            new Block(problem, moments, first, rows).Learn(iterations, integers.AsSpan(first * problem.Columns, rows * problem.Columns));
        });
    }

    /// <summary>Some rows that are learned together, so that M is read once for all of them.</summary>
    private sealed class Block
    {
        private readonly RoundingProblem _problem;
        private readonly float[] _moments, _floor, _target, _step, _v, _mean, _square, _soft, _error, _gradient;
        private readonly int _first, _rows, _columns;

        public Block(RoundingProblem problem, float[] moments, int first, int rows)
        {
            (_problem, _moments, _first, _rows, _columns) = (problem, moments, first, rows, problem.Columns);
            int count = rows * _columns;
            (_floor, _target, _step, _v, _mean, _square) = (new float[count], new float[count], new float[count], new float[count], new float[count], new float[count]);
            (_soft, _error, _gradient) = (new float[count], new float[count], new float[count]);
            for (int r = 0; r < rows; r++) Start(r);
        }

        public void Learn(int iterations, Span<sbyte> integers)
        {
            for (int i = 0; i < iterations; i++)
            {
                float progress = (float)i / iterations;
                Errors();
                Multiply();
                // Half a cosine from 20 to 2 after the warm-up, in which only the error counts.
                float beta = 2 + 9 * (1 + MathF.Cos(MathF.PI * (progress - WarmUp) / (1 - WarmUp)));
                Step(i + 1, progress < WarmUp ? 0 : Lambda, beta);
            }
            sbyte[] found = new sbyte[_columns];
            for (int r = 0; r < _rows; r++)
            {
                for (int k = 0; k < _columns; k++)
                {
                    int i = r * _columns + k;
                    found[k] = _target[i] == 0 ? (sbyte)0 : _problem.Nearest(_floor[i] + (_v[i] >= 0 ? 1 : 0));
                }
                Span<sbyte> kept = integers.Slice(r * _columns, _columns);
                if (_problem.Loss(_first + r, found) < _problem.Loss(_first + r, kept)) found.CopyTo(kept);
            }
        }

        // Steps are scaled so that the error of a row is that of its integers, with a mean moment of 1.
        private void Start(int r)
        {
            ReadOnlySpan<float> targets = _problem.Targets(_first + r), scales = _problem.Scales(_first + r);
            double mean = 0;
            for (int k = 0; k < _columns; k++) mean += (double)scales[k] * scales[k] * _moments[k * _columns + k] / _columns;
            float unit = (float)(1 / Math.Sqrt(Math.Max(mean, 1e-30)));
            for (int k = 0; k < _columns; k++)
            {
                int i = r * _columns + k;
                _target[i] = targets[k];
                _floor[i] = Math.Clamp(MathF.Floor(targets[k]), _problem.Least, _problem.Most - 1);
                _step[i] = scales[k] * unit;
                float share = (Math.Clamp(targets[k] - _floor[i], 0, 1) + Below) / Stretch;
                _v[i] = -MathF.Log(1 / share - 1);
            }
        }

        private void Errors()
        {
            for (int i = 0; i < _v.Length; i++)
            {
                _soft[i] = 1 / (1 + MathF.Exp(-_v[i]));
                float h = Math.Clamp(Stretch * _soft[i] - Below, 0, 1);
                _error[i] = _target[i] == 0 ? 0 : _step[i] * (_floor[i] + h - _target[i]);
            }
        }

        // gradient = error · M, four rows of M at a time for all rows of the block.
        private void Multiply()
        {
            Array.Clear(_gradient);
            int k = 0;
            for (; k + 4 <= _columns; k += 4)
            {
                ReadOnlySpan<float> m0 = Row(k), m1 = Row(k + 1), m2 = Row(k + 2), m3 = Row(k + 3);
                for (int r = 0; r < _rows; r++)
                    Matrix.AddFour(_gradient.AsSpan(r * _columns, _columns), _error.AsSpan(r * _columns + k, 4), m0, m1, m2, m3);
            }
            for (; k < _columns; k++)
                for (int r = 0; r < _rows; r++)
                    for (int j = 0; j < _columns; j++) _gradient[r * _columns + j] += _error[r * _columns + k] * _moments[k * _columns + j];
        }

        private ReadOnlySpan<float> Row(int k) => _moments.AsSpan(k * _columns, _columns);

        // Adam on v: dh/dv = 1.2·σ·(1 − σ) where h is not clipped; d/dh of λ·(1 − |2h − 1|^β) is −2·λ·β·sign(2h − 1)·|2h − 1|^(β − 1).
        private void Step(int t, float lambda, float beta)
        {
            float rate = Rate * MathF.Sqrt(1 - MathF.Pow(0.999f, t)) / (1 - MathF.Pow(0.9f, t));
            for (int i = 0; i < _v.Length; i++)
            {
                float stretched = Stretch * _soft[i] - Below;
                float g = 0;
                if (stretched is > 0 and < 1)
                {
                    float from = 2 * stretched - 1, pull = lambda == 0 ? 0 : lambda * 2 * beta * MathF.CopySign(MathF.Pow(MathF.Abs(from), beta - 1), from);
                    g = (2 * _gradient[i] * _step[i] - pull) * Stretch * _soft[i] * (1 - _soft[i]);
                }
                _mean[i] += 0.1f * (g - _mean[i]);
                _square[i] += 0.001f * (g * g - _square[i]);
                _v[i] -= rate * _mean[i] / (MathF.Sqrt(_square[i]) + 1e-8f);
            }
        }
    }
}
