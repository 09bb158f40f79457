namespace EdgeRuntime.Inference;

/// <summary>
/// How measured times follow estimated ones: time = factor · (estimate + start), and near measured layers as they deviate
/// from that.
/// </summary>
internal sealed class LatencyCurve
{
    /// <summary>Points from which two parameters are found; fewer give the factor alone.</summary>
    private const int PointsForStart = 4;

    /// <summary>How far a measured layer is heard, as the logarithm of the estimates' ratio, and what speaks against it.</summary>
    private const double Reach = 0.5, Doubt = 0.5;

    private readonly (double LogEstimate, double Deviation)[] _points;

    private LatencyCurve(double factor, double startUs, IReadOnlyList<(double EstimatedUs, double MeasuredUs)> points)
    {
        (Factor, StartUs) = (factor, startUs);
        _points = [.. points.Select(p => (Math.Log(p.EstimatedUs + startUs), Math.Log(p.MeasuredUs / (factor * (p.EstimatedUs + startUs)))))];
    }

    /// <summary>Measured over estimated, for large layers.</summary>
    public double Factor { get; }

    /// <summary>What every layer takes besides, in estimated microseconds.</summary>
    public double StartUs { get; }

    /// <summary>A curve for machines without measurements.</summary>
    public static LatencyCurve Estimate(double startUs) => new(1, startUs, []);

    /// <summary>
    /// Least squares of log time, so that small layers count as much as large ones. For a given start, the best log factor
    /// is the mean of log (measured / (estimate + start)); starts are tried from 0.01 to 30 µs.
    /// </summary>
    public static LatencyCurve Fit(IReadOnlyList<(double EstimatedUs, double MeasuredUs)> points)
    {
        double least = double.PositiveInfinity, bestFactor = 1, bestStart = 0;
        double largest = points.Count >= PointsForStart ? 30 : 0.01;
        for (double start = 0.01; start <= largest; start *= 1.15)
        {
            double[] logs = [.. points.Select(p => Math.Log(p.MeasuredUs / (p.EstimatedUs + start)))];
            double mean = logs.Average(), error = logs.Sum(l => (l - mean) * (l - mean));
            if (error >= least) continue;
            (least, bestFactor, bestStart) = (error, Math.Exp(mean), start);
        }
        return new LatencyCurve(bestFactor, bestStart, points);
    }

    /// <summary>How many times longer than the fit layers of that estimate were measured: a mean of the near ones' logarithms, drawn to 0 where there are none.</summary>
    public double Deviation(double estimatedUs)
    {
        double at = Math.Log(estimatedUs + StartUs), sum = 0, weights = Doubt;
        foreach (var (logEstimate, deviation) in _points)
        {
            double distance = (at - logEstimate) / Reach, weight = Math.Exp(-distance * distance / 2);
            sum += weight * deviation;
            weights += weight;
        }
        return Math.Exp(sum / weights);
    }
}
