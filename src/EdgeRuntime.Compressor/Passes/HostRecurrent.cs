using EdgeRuntime.Model;

namespace EdgeRuntime.Compressor;

/// <summary>LSTM and GRU in plain loops and double precision; see <see cref="OperatorType.Lstm"/> for the formulas.</summary>
internal sealed class HostRecurrent
{
    private readonly Node _node;
    private readonly RecurrentShape _s;
    private readonly double[] _w, _r, _bias, _recurrentBias;
    private readonly double _clip, _cellClip;
    private readonly bool _isLstm, _resetsAfter;

    /// <summary>Takes the weights; <paramref name="reals"/> gives the numbers that a constant stands for.</summary>
    public HostRecurrent(Node node, Func<ValueInfo, double[]> reals)
    {
        _node = node;
        _s = RecurrentShape.Of(node);
        double[] Reals(int index) => node.OptionalInput(index) is { } v ? reals(v) : [];
        _w = Whole(Reals(RecurrentShape.W), Reals(RecurrentShape.W2), _s.InputRank, _s.InputSize);
        _r = Whole(Reals(RecurrentShape.R), Reals(RecurrentShape.R2), _s.RecurrentRank, _s.HiddenSize);
        _bias = Reals(RecurrentShape.Bias);
        _recurrentBias = Reals(RecurrentShape.RecurrentBias);
        _clip = node.Attributes.Float("clip") is > 0 and var clip ? clip : double.PositiveInfinity;
        _cellClip = node.Attributes.Float("cell_clip") is > 0 and var cellClip ? cellClip : double.PositiveInfinity;
        _isLstm = node.Type == OperatorType.Lstm;
        _resetsAfter = node.Attributes.Int("linear_before_reset") != 0;
    }

    /// <summary>Largest magnitude of any cell so far.</summary>
    public double LargestCell { get; private set; }

    /// <summary>Hidden states [T,N,D·H] from x and first states (empty for zeros).</summary>
    public double[] Run(double[] x, double[] firstHidden, double[] firstCell)
    {
        int hidden = _s.HiddenSize, row = _s.Directions * hidden;
        double[] y = new double[_s.Steps * _s.Batch * row];
        for (int d = 0; d < _s.Directions; d++)
            for (int n = 0; n < _s.Batch; n++)
            {
                int state = (d * _s.Batch + n) * hidden, steps = _node.Attributes.Ints("lengths") is { Length: > 0 } lengths ? lengths[n] : _s.Steps;
                double[] h = firstHidden.Length == 0 ? new double[hidden] : firstHidden[state..(state + hidden)];
                double[] c = firstCell.Length == 0 ? new double[hidden] : firstCell[state..(state + hidden)];
                bool backward = d == 1 || _node.Attributes.Int("direction") == 1;
                for (int step = 0; step < steps; step++)
                {
                    int at = (backward ? steps - 1 - step : step) * _s.Batch + n;
                    h = Step(d, x.AsSpan(at * _s.InputSize, _s.InputSize), h, c);
                    h.CopyTo(y, at * row + d * hidden);
                }
            }
        return y;
    }

    private double[] Step(int d, ReadOnlySpan<double> x, double[] h, double[] c)
    {
        int hidden = _s.HiddenSize;
        double[] next = new double[hidden], reset = new double[hidden];
        for (int u = 0; u < hidden && !_isLstm; u++) reset[u] = Sigmoid(Gate(d, 1, u, x, h)) * (_resetsAfter ? 1 : h[u]);
        for (int u = 0; u < hidden; u++)
        {
            if (_isLstm)
            {
                c[u] = Math.Clamp(Sigmoid(Gate(d, 2, u, x, h)) * c[u] + Sigmoid(Gate(d, 0, u, x, h)) * Math.Tanh(Gate(d, 3, u, x, h)), -_cellClip, _cellClip);
                LargestCell = Math.Max(LargestCell, Math.Abs(c[u]));
                next[u] = Sigmoid(Gate(d, 1, u, x, h)) * Math.Tanh(c[u]);
                continue;
            }
            double z = Sigmoid(Gate(d, 0, u, x, h)), candidate = Input(d, 2, u, x) + (_resetsAfter ? reset[u] * Recurrent(d, 2, u, h) : Recurrent(d, 2, u, reset));
            next[u] = (1 - z) * Math.Tanh(Math.Clamp(candidate, -_clip, _clip)) + z * h[u];
        }
        return next;
    }

    private double Gate(int d, int gate, int u, ReadOnlySpan<double> x, double[] h) => Math.Clamp(Input(d, gate, u, x) + Recurrent(d, gate, u, h), -_clip, _clip);

    private double Input(int d, int gate, int u, ReadOnlySpan<double> x) => Product(_w, _bias, (d * _s.Gates + gate) * _s.HiddenSize + u, x);

    private double Recurrent(int d, int gate, int u, double[] h) => Product(_r, _recurrentBias, (d * _s.Gates + gate) * _s.HiddenSize + u, h);

    private static double Product(double[] weights, double[] bias, int row, ReadOnlySpan<double> x)
    {
        double sum = bias.Length == 0 ? 0 : bias[row];
        for (int k = 0; k < x.Length; k++) sum += weights[row * x.Length + k] * x[k];
        return sum;
    }

    /// <summary>The weights, multiplied out where they come in factors.</summary>
    private double[] Whole(double[] first, double[] second, int rank, int length)
    {
        if (rank == 0) return first;
        double[] whole = new double[_s.Rows * length];
        for (int row = 0; row < _s.Rows; row++)
            for (int k = 0; k < rank; k++)
                for (int i = 0; i < length; i++)
                    whole[row * length + i] += first[row * rank + k] * second[(row / (_s.Gates * _s.HiddenSize) * rank + k) * length + i];
        return whole;
    }

    private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));
}
