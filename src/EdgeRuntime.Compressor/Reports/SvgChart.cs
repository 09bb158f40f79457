using System.Globalization;
using System.Net;
using System.Text;

namespace EdgeRuntime.Compressor;

/// <summary>Draws the charts of reports as SVG, in the colours of the page's style.</summary>
internal static class SvgChart
{
    private const int Width = 560, Height = 340, Left = 72, Right = 18, Top = 16, Bottom = 46;

    /// <summary>Accuracy against a cost on a logarithmic axis, with the Pareto front as a line; empty where fewer than two candidates have both.</summary>
    public static string Scatter(IReadOnlyList<ReportCandidate> candidates, Func<ReportCandidate, double?> costOf, string costName, Func<double, string> format)
    {
        (ReportCandidate Candidate, double Cost, double Accuracy)[] points = [.. candidates.Where(c => c.Accuracy is not null && costOf(c) is > 0)
            .Select(c => (c, costOf(c)!.Value, c.Accuracy!.Value * 100))];
        if (points.Length < 2) return "";
        double low = Math.Log(points.Min(p => p.Cost)) - 0.15, high = Math.Log(points.Max(p => p.Cost)) + 0.15;
        double floor = points.Min(p => p.Accuracy), ceiling = points.Max(p => p.Accuracy), step = Step(Math.Max(ceiling - floor, 0.5) / 4);
        floor = Math.Max(0, Math.Floor((floor - step * 0.3) / step) * step);
        ceiling = Math.Min(100, Math.Ceiling((ceiling + step * 0.3) / step) * step);
        double X(double cost) => Left + (Math.Log(cost) - low) / (high - low) * (Width - Left - Right);
        double Y(double accuracy) => Height - Bottom - (accuracy - floor) / (ceiling - floor) * (Height - Top - Bottom);
        StringBuilder svg = new();
        Append(svg, $"<svg viewBox='0 0 {Width} {Height}' role='img' aria-label='accuracy against {Escape(costName)}'>");
        for (double y = floor; y <= ceiling + step / 100; y += step)
            Append(svg, $"<line class='grid' x1='{Left}' x2='{Width - Right}' y1='{Y(y):F1}' y2='{Y(y):F1}'/><text class='tick' x='{Left - 8}' y='{Y(y) + 4:F1}' text-anchor='end'>{y:0.##} %</text>");
        foreach (double x in Ticks(Math.Exp(low), Math.Exp(high)))
            Append(svg, $"<line class='grid' x1='{X(x):F1}' x2='{X(x):F1}' y1='{Top}' y2='{Height - Bottom}'/><text class='tick' x='{X(x):F1}' y='{Height - Bottom + 18}' text-anchor='middle'>{format(x)}</text>");
        Append(svg, $"<text class='axis' x='{(Left + Width - Right) / 2}' y='{Height - 6}' text-anchor='middle'>{Escape(costName)}, logarithmic</text>");
        Append(svg, $"<text class='axis' x='14' y='{(Top + Height - Bottom) / 2}' text-anchor='middle' transform='rotate(-90 14 {(Top + Height - Bottom) / 2})'>accuracy</text>");
        var front = Front(points);
        StringBuilder path = new();
        foreach (var (i, p) in front.Index())
            if (i == 0) Append(path, $"M{X(p.Cost):F1} {Y(p.Accuracy):F1}");
            else Append(path, $"H{X(p.Cost):F1}V{Y(p.Accuracy):F1}");
        Append(svg, $"<path class='front' d='{path}'/>");
        foreach (var (c, cost, accuracy) in points.OrderBy(p => p.Candidate.IsChosen))
        {
            string kind = c.IsChosen ? "chosen" : c.IsSource ? "source" : front.Any(f => f.Candidate == c) ? "best" : "other";
            Append(svg, $"<circle class='dot {kind}' cx='{X(cost):F1}' cy='{Y(accuracy):F1}' r='{(c.IsChosen ? 7 : 5)}'><title>{Escape(c.Name)}: {format(cost)}, {accuracy:F2} %{(c.Detail.Length > 0 ? "\n" + Escape(c.Detail) : "")}</title></circle>");
        }
        Labels(svg, points.Length <= 12 ? points : [.. points.Where(p => p.Candidate.IsChosen || p.Candidate.IsSource)], X, Y);
        return svg.Append("</svg>").ToString();
    }

    /// <summary>A bar in a table cell: <paramref name="share"/> of the cell's width, with the figure beside it.</summary>
    public static string Bar(double share, string text, string kind = "") => string.Create(CultureInfo.InvariantCulture,
        $"<svg class='bar' viewBox='0 0 100 12' preserveAspectRatio='none'><title>{Escape(text)}</title><rect class='track' width='100' height='12' rx='2'/><rect class='fill {kind}' width='{Math.Clamp(share, 0, 1) * 100:F1}' height='12' rx='2'/></svg><span>{Escape(text)}</span>");

    public static string Escape(string text) => WebUtility.HtmlEncode(text);

    private static List<(ReportCandidate Candidate, double Cost, double Accuracy)> Front((ReportCandidate Candidate, double Cost, double Accuracy)[] points)
    {
        List<(ReportCandidate, double, double)> front = [];
        double best = double.NegativeInfinity;
        foreach (var p in points.OrderBy(p => p.Cost).ThenByDescending(p => p.Accuracy))
        {
            if (p.Accuracy <= best) continue;
            best = p.Accuracy;
            front.Add(p);
        }
        return front;
    }

    /// <summary>Names beside their points, above or below where they would cover each other.</summary>
    private static void Labels(StringBuilder svg, (ReportCandidate Candidate, double Cost, double Accuracy)[] points, Func<double, double> x, Func<double, double> y)
    {
        List<(double X, double Y, double Width)> taken = [];
        foreach (var (c, cost, accuracy) in points.OrderByDescending(p => p.Candidate.IsChosen).ThenBy(p => p.Cost))
        {
            double width = c.Name.Length * 6.4, left = Math.Clamp(x(cost) - width / 2, Left, Width - Right - width), at = y(accuracy);
            double[] places = [at - 10, at + 19, at - 23, at + 32, at - 36];
            double place = places.FirstOrDefault(p => p > Top + 8 && p < Height - Bottom && taken.TrueForAll(t => Math.Abs(t.Y - p) > 12 || left > t.X + t.Width || t.X > left + width), -1);
            if (place < 0) continue;
            taken.Add((left, place, width));
            Append(svg, $"<text class='label' x='{left:F1}' y='{place:F1}'>{Escape(c.Name)}</text>");
        }
    }

    private static double Step(double least) => new[] { 0.1, 0.2, 0.5, 1, 2, 5, 10, 20 }.FirstOrDefault(s => s >= least, 25);

    private static IEnumerable<double> Ticks(double low, double high)
    {
        double[][] steps = [[1], [1, 2, 5], [1, 1.5, 2, 3, 5, 7], [1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9]];
        double[][] choices = [.. steps.Select(step => Enumerable.Range(-2, 12).SelectMany(e => step.Select(m => m * Math.Pow(10, e))).Where(v => v >= low && v <= high).ToArray())];
        return choices.FirstOrDefault(c => c.Length >= 3, choices[^1]);
    }

    private static void Append(StringBuilder svg, FormattableString text) => svg.Append(text.ToString(CultureInfo.InvariantCulture));
}
