using System.Globalization;
using System.Text;

namespace EdgeRuntime.Benchmarks;

/// <summary>
/// Layers under the machine's limits: across, multiply-accumulates for each byte of input, weights and output; upwards,
/// multiply-accumulates in a second. Both axes are logarithmic. A point is a layer, by the kernel that a session runs.
/// </summary>
internal sealed class RooflinePlot
{
    private const int Width = 1000, Height = 640, Left = 80, Right = 260, Top = 50, Bottom = 70;

    private static readonly string[] Colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c564b", "#000000", "#7f7f7f", "#bcbd22"];

    private readonly StringBuilder _svg = new();
    private readonly MachineLimits _limits;
    private readonly double _minX, _maxX, _minY, _maxY;

    private RooflinePlot(MachineLimits limits, IReadOnlyList<LabResult> results)
    {
        _limits = limits;
        _minX = Floor(results.Min(Intensity));
        _maxX = Ceiling(results.Max(Intensity));
        _minY = Floor(results.Min(r => r.Chosen.Giga));
        _maxY = Ceiling(Math.Max(results.Max(r => r.Chosen.Giga), limits.Products.Max(p => p.Giga)));
        static double Floor(double v) => Math.Pow(10, Math.Floor(Math.Log10(v)));
        static double Ceiling(double v) => Math.Pow(10, Math.Ceiling(Math.Log10(v)));
    }

    /// <summary>The plot as an SVG document.</summary>
    public static string Draw(MachineLimits limits, IReadOnlyList<LabResult> results, string title)
    {
        RooflinePlot plot = new(limits, results);
        plot._svg.Append(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {Width} {Height}\" font-family=\"sans-serif\" font-size=\"13\">\n");
        plot._svg.Append("<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n");
        plot.Text(Left, 28, title, "font-size=\"17\"");
        plot.Axes();
        plot.Roofs();
        plot.Points(results);
        return plot._svg.Append("</svg>\n").ToString();
    }

    private static double Intensity(LabResult r) => (double)r.MultiplyAccumulates / r.Bytes;

    private double X(double v) => Left + Math.Log(v / _minX) / Math.Log(_maxX / _minX) * (Width - Left - Right);

    private double Y(double v) => Height - Bottom - Math.Log(v / _minY) / Math.Log(_maxY / _minY) * (Height - Top - Bottom);

    private void Axes()
    {
        for (double v = _minX; v <= _maxX * 1.01; v *= 10)
        {
            Line(X(v), Y(_minY), X(v), Y(_maxY), "stroke=\"#ddd\"");
            Text(X(v), Height - Bottom + 20, $"{v:G6}", "text-anchor=\"middle\"");
        }
        for (double v = _minY; v <= _maxY * 1.01; v *= 10)
        {
            Line(X(_minX), Y(v), X(_maxX), Y(v), "stroke=\"#ddd\"");
            Text(Left - 8, Y(v) + 4, $"{v:G6}", "text-anchor=\"end\"");
        }
        Text((X(_minX) + X(_maxX)) / 2, Height - 22, "multiply-accumulates a byte", "text-anchor=\"middle\"");
        Text(22, (Y(_minY) + Y(_maxY)) / 2, "billion multiply-accumulates a second", string.Create(CultureInfo.InvariantCulture,
            $"text-anchor=\"middle\" transform=\"rotate(-90 22 {(Y(_minY) + Y(_maxY)) / 2:F0})\""));
    }

    /// <summary>A level line for each instruction; a slope for each level of memory, up to the highest of them.</summary>
    private void Roofs()
    {
        double top = _limits.Products.Max(p => p.Giga), labelled = double.NegativeInfinity;
        foreach (MachineLimit p in _limits.Products.OrderByDescending(p => p.Giga))
        {
            Line(X(_minX), Y(p.Giga), X(_maxX), Y(p.Giga), "stroke=\"#555\" stroke-dasharray=\"6 4\"");
            labelled = Math.Max(labelled + 15, Y(p.Giga) + 4);
            Text(X(_maxX) + 8, labelled, $"{p.Name}: {p.Giga:F0}", "fill=\"#555\"");
        }
        foreach (MachineLimit r in _limits.Reads)
        {
            double from = Math.Max(_minX, _minY / r.Giga), to = Math.Min(_maxX, top / r.Giga);
            if (from >= to) continue;
            Line(X(from), Y(from * r.Giga), X(to), Y(to * r.Giga), "stroke=\"#999\"");
            Text(X(from) + 4, Y(from * r.Giga) - 5, $"{r.Name} {r.Giga:F0} GB/s", "fill=\"#777\" font-size=\"11\"");
        }
    }

    private void Points(IReadOnlyList<LabResult> results)
    {
        string[] families = [.. results.Select(r => r.Family).Distinct()];
        for (int f = 0; f < families.Length; f++)
        {
            string colour = Colours[f % Colours.Length];
            double y = Height - Bottom - 18 * (families.Length - f);
            Circle(Width - Right + 20, y - 4, colour);
            Text(Width - Right + 32, y, families[f], "");
            foreach (LabResult r in results.Where(r => r.Family == families[f])) Circle(X(Intensity(r)), Y(r.Chosen.Giga), colour, $"{r.Layer}: {r.Chosen.Giga:F1}");
        }
    }

    private void Line(double x1, double y1, double x2, double y2, string style) =>
        _svg.Append(CultureInfo.InvariantCulture, $"<line x1=\"{x1:F1}\" y1=\"{y1:F1}\" x2=\"{x2:F1}\" y2=\"{y2:F1}\" {style}/>\n");

    private void Text(double x, double y, FormattableString text, string style) => Text(x, y, text.ToString(CultureInfo.InvariantCulture), style);

    private void Text(double x, double y, string text, string style) =>
        _svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{x:F1}\" y=\"{y:F1}\" {style}>{System.Security.SecurityElement.Escape(text)}</text>\n");

    private void Circle(double x, double y, string colour, string? tip = null) => _svg.Append(CultureInfo.InvariantCulture,
        $"<circle cx=\"{x:F1}\" cy=\"{y:F1}\" r=\"4\" fill=\"{colour}\" fill-opacity=\"0.7\">{(tip is null ? "" : $"<title>{System.Security.SecurityElement.Escape(tip)}</title>")}</circle>\n");
}
