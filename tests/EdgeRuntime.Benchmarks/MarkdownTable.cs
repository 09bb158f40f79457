namespace EdgeRuntime.Benchmarks;

/// <summary>Puts measured tables into documents, between <c>&lt;!-- table:NAME --&gt;</c> and <c>&lt;!-- end:NAME --&gt;</c>.</summary>
internal static class MarkdownTable
{
    /// <summary>Replaces the table <paramref name="name"/> of <paramref name="file"/>.</summary>
    /// <exception cref="InvalidDataException">The file has no such place.</exception>
    public static void Replace(string file, string name, string table)
    {
        string text = File.ReadAllText(file), open = $"<!-- table:{name} -->", close = $"<!-- end:{name} -->";
        int start = text.IndexOf(open, StringComparison.Ordinal), end = text.IndexOf(close, StringComparison.Ordinal);
        if (start < 0 || end < start) throw new InvalidDataException($"{file} has no {open} … {close}");
        File.WriteAllText(file, text[..(start + open.Length)] + "\n\n" + table + "\n" + text[end..]);
    }
}
