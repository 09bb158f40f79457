using System.Globalization;
using System.Text;
using static EdgeRuntime.Compressor.SvgChart;

namespace EdgeRuntime.Compressor;

/// <summary>Draws a <see cref="CompressionReport"/> as one page that needs no network: styles and pictures are inside, and no scripts.</summary>
public static class HtmlReport
{
    private const string Style = """
        :root{color-scheme:light dark;--bg:#fbfbfd;--card:#fff;--ink:#1d2330;--dim:#667085;--line:#e4e7ec;--accent:#2563eb;--good:#0f9d6b;--warm:#d97706;--track:#eef1f6;--heat:37,99,235}
        @media(prefers-color-scheme:dark){:root{--bg:#10141c;--card:#181e29;--ink:#e8ecf4;--dim:#94a0b5;--line:#2a3241;--accent:#6ea8ff;--good:#3ddc9b;--warm:#fbbf4b;--track:#242c3a;--heat:110,168,255}}
        *{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
        main{max-width:1220px;margin:0 auto;padding:32px 24px 64px}h1{font-size:27px;margin:0 0 4px;letter-spacing:-.01em}h2{font-size:17px;margin:0 0 12px}
        p.note{margin:2px 0;color:var(--dim)}code{display:block;margin:16px 0 24px;padding:12px 14px;background:var(--card);border:1px solid var(--line);border-radius:8px;font:13px/1.5 ui-monospace,"SF Mono",Menlo,Consolas,monospace;overflow-wrap:anywhere;white-space:pre-wrap}
        .row{display:grid;grid-template-columns:repeat(auto-fit,minmax(430px,1fr));gap:18px}section{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:18px 20px;margin-bottom:18px;overflow-x:auto}
        svg{display:block;width:100%;height:auto}.grid{stroke:var(--line)}.tick{fill:var(--dim);font-size:11px}.axis{fill:var(--dim);font-size:12px}.label{fill:var(--ink);font-size:11.5px}
        .front{fill:none;stroke:var(--good);stroke-width:1.6;stroke-dasharray:5 4}.dot{stroke:var(--card);stroke-width:1.5}.dot.other{fill:var(--dim);opacity:.55}.dot.best{fill:var(--good)}.dot.source{fill:var(--warm)}.dot.chosen{fill:var(--accent)}
        .legend{display:flex;gap:16px;color:var(--dim);font-size:12.5px;margin-top:6px;flex-wrap:wrap}.legend i{display:inline-block;width:10px;height:10px;border-radius:50%;margin-right:5px;background:var(--dim)}.legend .best{background:var(--good)}.legend .source{background:var(--warm)}.legend .chosen{background:var(--accent)}
        table{border-collapse:collapse;width:100%;font-size:13.5px;font-variant-numeric:tabular-nums}th{text-align:left;font-weight:600;color:var(--dim);font-size:12.5px;padding:4px 10px 6px 0;border-bottom:1px solid var(--line);white-space:nowrap}td{padding:5px 10px 5px 0;border-bottom:1px solid var(--line)}tr:last-child td{border-bottom:0}
        .n{text-align:right}td.name{max-width:290px;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}tr.chosen td{font-weight:600;color:var(--accent)}td.b{white-space:nowrap;min-width:120px}td.b span{display:inline-block;min-width:48px;margin-left:8px;font-size:12.5px;color:var(--dim)}
        svg.bar{display:inline-block;width:70px;height:10px;vertical-align:middle}.track{fill:var(--track)}.fill{fill:var(--accent)}.fill.good{fill:var(--good)}.fill.warm{fill:var(--warm)}
        table.confusion{width:auto;font-size:12px}.confusion td,.confusion th{border:0;padding:0;min-width:30px;height:26px;text-align:center}.confusion th{padding:0 6px;font-weight:500}.confusion td{border-radius:4px;border:1px solid var(--card)}
        @media print{section{break-inside:avoid}}
        """;

    /// <summary>The page.</summary>
    public static string Render(CompressionReport report)
    {
        StringBuilder page = new();
        page.Append("<!doctype html><html lang='en'><head><meta charset='utf-8'><meta name='viewport' content='width=device-width,initial-scale=1'><title>")
            .Append(Escape(report.Title)).Append("</title><style>").Append(Style).Append("</style></head><body><main><h1>").Append(Escape(report.Title)).Append("</h1>");
        foreach (string note in report.Notes) page.Append("<p class='note'>").Append(Escape(note)).Append("</p>");
        page.Append("<code>").Append(Escape(report.Command)).Append("</code>");
        Plots(page, report);
        Candidates(page, report);
        Layers(page, report);
        Confusions(page, report);
        return page.Append("</main></body></html>\n").ToString();
    }

    private static void Plots(StringBuilder page, CompressionReport report)
    {
        List<(string Title, string Svg)> plots = [("Size and accuracy", Scatter(report.Candidates, c => c.Bytes / 1024.0, "file size in KiB", v => v.ToString("0.###", CultureInfo.InvariantCulture))),
            ("Measured latency and accuracy", Scatter(report.Candidates, c => c.MeasuredUs, "latency on this machine in µs", v => v.ToString("0.###", CultureInfo.InvariantCulture)))];
        foreach (string board in Boards(report))
            plots.Add(($"Predicted latency on {board} and accuracy", Scatter(report.Candidates, c => c.PredictedUs.TryGetValue(board, out double us) ? us : null, $"predicted latency on one core of {board} in µs", v => v.ToString("0.###", CultureInfo.InvariantCulture))));
        plots.RemoveAll(p => p.Svg.Length == 0);
        if (plots.Count == 0) return;
        page.Append("<div class='row'>");
        foreach (var (title, svg) in plots)
            page.Append("<section><h2>").Append(Escape(title)).Append("</h2>").Append(svg).Append("<div class='legend'><span><i class='chosen'></i>chosen</span><span><i class='source'></i>source</span><span><i class='best'></i>Pareto front</span><span><i></i>other</span></div></section>");
        page.Append("</div>");
    }

    private static void Candidates(StringBuilder page, CompressionReport report)
    {
        if (report.Candidates.Count == 0) return;
        string[] boards = Boards(report);
        page.Append("<section><h2>Networks</h2><table><tr><th>network</th><th class='n'>KiB</th><th class='n'>of source</th><th class='n'>accuracy</th><th class='n'>measured µs</th>");
        foreach (string board in boards) page.Append("<th class='n'>").Append(Escape(board)).Append(" µs</th>");
        page.Append("<th>how</th></tr>");
        ReportCandidate? source = report.Candidates.FirstOrDefault(c => c.IsSource);
        foreach (ReportCandidate c in report.Candidates)
        {
            page.Append(c.IsChosen ? "<tr class='chosen'>" : "<tr>");
            Append(page, $"<td class='name' title='{Escape(c.Name)}'>{Escape(c.Name)}</td><td class='n'>{c.Bytes / 1024.0:F1}</td><td class='n'>{(source is null || source.Bytes == 0 ? "–" : (100.0 * c.Bytes / source.Bytes).ToString("F1", CultureInfo.InvariantCulture) + " %")}</td>");
            Append(page, $"<td class='n'>{(c.Accuracy is { } a ? (a * 100).ToString("F2", CultureInfo.InvariantCulture) + " %" : "–")}</td><td class='n'>{Number(c.MeasuredUs)}</td>");
            foreach (string board in boards) Append(page, $"<td class='n'>{Number(c.PredictedUs.TryGetValue(board, out double us) ? us : null)}</td>");
            Append(page, $"<td class='name' title='{Escape(c.Detail)}'>{Escape(c.Detail)}</td></tr>");
        }
        page.Append("</table></section>");
    }

    private static void Layers(StringBuilder page, CompressionReport report)
    {
        if (report.Layers.Count == 0) return;
        double bytes = Math.Max(1, report.Layers.Max(l => l.Bytes)), us = Math.Max(1e-9, report.Layers.Max(l => l.Us ?? 0));
        bool hasRank = report.Layers.Any(l => l.Rank is not null), hasNoise = report.Layers.Any(l => l.SignalToNoise is not null), hasTime = report.Layers.Any(l => l.Us is not null);
        page.Append("<section><h2>Layers of the chosen network</h2><table><tr><th>layer</th><th>operator</th><th>weight bits</th><th>bytes</th><th>zeros</th>");
        if (hasRank) page.Append("<th>rank</th>");
        if (hasNoise) page.Append("<th>signal to noise</th>");
        if (hasTime) page.Append("<th>latency").Append(Escape(" on " + (report.LatencyOf.Length > 0 ? report.LatencyOf : "this machine"))).Append("</th>");
        page.Append("</tr>");
        foreach (ReportLayer l in report.Layers)
        {
            Append(page, $"<tr><td class='name' title='{Escape(l.Name)}'>{Escape(l.Name)}</td><td>{l.Operator}</td><td class='b'>{(l.Bits is { } bits ? Bar(bits / 32.0, bits.ToString(CultureInfo.InvariantCulture)) : "")}</td>");
            Append(page, $"<td class='b'>{(l.Bytes > 0 ? Bar(l.Bytes / bytes, l.Bytes.ToString("N0", CultureInfo.InvariantCulture)) : "")}</td><td class='b'>{(l.Bits is null ? "" : Bar(l.Sparsity, l.Sparsity.ToString("P0", CultureInfo.InvariantCulture), "good"))}</td>");
            if (hasRank) Append(page, $"<td>{l.Rank?.ToString(CultureInfo.InvariantCulture)}</td>");
            if (hasNoise) Append(page, $"<td class='b'>{(l.SignalToNoise is { } db ? Bar(db / 60, db.ToString("F1", CultureInfo.InvariantCulture) + " dB", db < 15 ? "warm" : "good") : "")}</td>");
            if (hasTime) Append(page, $"<td class='b'>{(l.Us is { } time ? Bar(time / us, time.ToString("F1", CultureInfo.InvariantCulture) + " µs") : "")}</td>");
            page.Append("</tr>");
        }
        page.Append("</table></section>");
    }

    private static void Confusions(StringBuilder page, CompressionReport report)
    {
        page.Append("<div class='row'>");
        foreach (var (title, counts) in new[] { ("Answers of the source network", report.ConfusionBefore), ("Answers of the chosen network", report.ConfusionAfter) })
        {
            if (counts is null) continue;
            string ClassName(int c) => Escape(c < report.Classes.Count ? report.Classes[c] : c.ToString(CultureInfo.InvariantCulture));
            page.Append("<section><h2>").Append(title).Append("</h2><table class='confusion'><tr><th>true ↓ answer →</th>");
            for (int c = 0; c < counts.Count; c++) page.Append("<th>").Append(ClassName(c)).Append("</th>");
            page.Append("<th>right</th></tr>");
            foreach (var (t, row) in counts.Index())
            {
                int all = Math.Max(1, row.Sum());
                page.Append("<tr><th>").Append(ClassName(t)).Append("</th>");
                foreach (var (c, n) in row.Index())
                    Append(page, $"<td style='background:rgba(var(--heat),{(n == 0 ? 0 : 0.08 + 0.72 * n / all):F2})' title='{ClassName(t)} taken for {ClassName(c)}: {n} of {all}'>{(n == 0 ? "" : n.ToString(CultureInfo.InvariantCulture))}</td>");
                Append(page, $"<th>{100.0 * row[t] / all:F0} %</th></tr>");
            }
            page.Append("</table></section>");
        }
        page.Append("</div>");
    }

    private static string[] Boards(CompressionReport report) => [.. report.Candidates.SelectMany(c => c.PredictedUs.Keys).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];

    private static string Number(double? us) => us is { } v ? v.ToString(v < 100 ? "F1" : "N0", CultureInfo.InvariantCulture) : "–";

    private static void Append(StringBuilder page, FormattableString text) => page.Append(text.ToString(CultureInfo.InvariantCulture));
}
