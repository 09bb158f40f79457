using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>Chooses ranges from statistics, and quantisation parameters from ranges.</summary>
internal static class RangeFinder
{
    private const int Levels = 256;
    private const int Candidates = 64;

    /// <summary>The range to quantise, which includes 0.</summary>
    public static (double Low, double High) Find(ValueStatistics s, CalibrationMethod method, double percentile)
    {
        if (s.Max == s.Min) return (s.Min, s.Max);
        return method switch
        {
            CalibrationMethod.MinMax => (s.Min, s.Max),
            CalibrationMethod.Percentile => Percentile(s, percentile),
            CalibrationMethod.Entropy => Search(s, Divergence),
            CalibrationMethod.MeanSquaredError => Search(s, SquaredError),
            _ => throw new ArgumentOutOfRangeException(nameof(method), method, "no such method"),
        };
    }

    /// <summary>
    /// Int8 parameters for [low, high]: scale = (high − low) / 255, zero point = round(−128 − low / scale), so that 0 is
    /// represented exactly. An empty range gives scale 1.
    /// </summary>
    public static QuantizationParameters Parameters(double low, double high)
    {
        float scale = (float)((high - low) / (Levels - 1));
        if (!(scale > 0) || !float.IsFinite(scale)) return new QuantizationParameters(1, 0);
        double zeroPoint = Math.Round(sbyte.MinValue - low / scale, MidpointRounding.ToEven);
        return new QuantizationParameters(scale, (int)Math.Clamp(zeroPoint, sbyte.MinValue, sbyte.MaxValue));
    }

    // The share (100 − percentile) % of all elements may lie outside, half of it at either end.
    private static (double, double) Percentile(ValueStatistics s, double percentile)
    {
        double outside = s.Bins.Sum() * (1 - percentile / 100) / 2, sum = 0;
        int low = 0, high = ValueStatistics.BinCount - 1;
        while (low < high && (sum += s.Bins[low]) <= outside) low++;
        sum = 0;
        while (high > low && (sum += s.Bins[high]) <= outside) high--;
        return (Math.Min(0, s.Min + low * s.BinWidth), Math.Max(0, s.Min + (high + 1) * s.BinWidth));
    }

    // Both ends move in turn to where the loss is least with the other end fixed; two rounds suffice in practice.
    private static (double, double) Search(ValueStatistics s, Func<ValueStatistics, double, double, double> loss)
    {
        double low = s.Min, high = s.Max;
        for (int round = 0; round < 2; round++)
        {
            high = Best(s.Max, v => loss(s, low, v));
            low = Best(s.Min, v => loss(s, v, high));
        }
        return (low, high);
    }

    private static double Best(double end, Func<double, double> loss)
    {
        if (end == 0) return 0;
        double best = end, least = loss(end);
        for (int i = 1; i < Candidates; i++)
        {
            double candidate = end * (Candidates - i) / Candidates, value = loss(candidate);
            if (value < least) (best, least) = (candidate, value);
        }
        return best;
    }

    private static double SquaredError(ValueStatistics s, double low, double high)
    {
        double scale = (high - low) / (Levels - 1), sum = 0;
        if (!(scale > 0)) return double.PositiveInfinity;
        double zero = Math.Round(-low / scale);
        for (int i = 0; i < ValueStatistics.BinCount; i++)
        {
            if (s.Bins[i] == 0) continue;
            double v = s.Min + (i + 0.5) * s.BinWidth;
            double error = v - scale * (Math.Clamp(Math.Round(v / scale) + zero, 0, Levels - 1) - zero);
            sum += s.Bins[i] * error * error;
        }
        return sum;
    }

    // KL(P ‖ Q): P is the distribution with what lies outside moved to the ends; Q is the inside spread evenly over the
    // occupied bins of each of the 256 steps.
    private static double Divergence(ValueStatistics s, double low, double high)
    {
        int from = (int)Math.Round((low - s.Min) / s.BinWidth), to = (int)Math.Round((high - s.Min) / s.BinWidth);
        int length = to - from;
        if (length < Levels) return double.PositiveInfinity;
        double[] p = s.Bins[from..to];
        double inside = p.Sum(), total = s.Bins.Sum(), divergence = 0;
        if (inside == 0) return double.PositiveInfinity;
        double below = s.Bins.Take(from).Sum(), above = total - inside - below;
        for (int level = 0; level < Levels; level++)
        {
            int first = level * length / Levels, end = (level + 1) * length / Levels, occupied = 0;
            double count = 0;
            for (int i = first; i < end; i++)
            {
                count += p[i];
                if (p[i] > 0 || (i == 0 && below > 0) || (i == length - 1 && above > 0)) occupied++;
            }
            for (int i = first; i < end; i++)
            {
                double mass = (p[i] + (i == 0 ? below : 0) + (i == length - 1 ? above : 0)) / total;
                if (mass == 0) continue;
                divergence += mass * Math.Log(mass / Math.Max(count / occupied / inside, 1e-12));
            }
        }
        return divergence;
    }
}
