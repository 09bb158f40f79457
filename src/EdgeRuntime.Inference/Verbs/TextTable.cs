namespace EdgeRuntime.Inference;

/// <summary>A plain table: columns as wide as their contents, numbers to the right.</summary>
public sealed class TextTable
{
    private readonly string[] _heads;
    private readonly List<string[]> _rows = [];

    /// <summary>Creates a table; heads that start with '&gt;' are aligned to the right.</summary>
    public TextTable(params string[] heads) => _heads = heads;

    /// <summary>Adds a row with as many cells as there are heads.</summary>
    public void Add(params string[] cells)
    {
        if (cells.Length != _heads.Length) throw new ArgumentException($"{cells.Length} cells for {_heads.Length} columns", nameof(cells));
        _rows.Add(cells);
    }

    /// <summary>Prints the table.</summary>
    public void Write(TextWriter output)
    {
        string[] titles = [.. _heads.Select(h => h.TrimStart('>'))];
        int[] widths = [.. titles.Select((title, c) => _rows.Select(r => r[c].Length).Append(title.Length).Max())];
        foreach (string[] row in _rows.Prepend([.. widths.Select(w => new string('─', w))]).Prepend(titles))
            output.WriteLine(string.Join("  ", row.Select((cell, c) => _heads[c].StartsWith('>') ? cell.PadLeft(widths[c]) : cell.PadRight(widths[c]))).TrimEnd());
    }
}
