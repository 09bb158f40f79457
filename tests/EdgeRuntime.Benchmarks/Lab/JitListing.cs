using System.Text.RegularExpressions;

namespace EdgeRuntime.Benchmarks;

/// <summary>What .NET's compiler prints for <c>JitDisasm</c> with <c>JitDisasmWithCodeBytes</c>.</summary>
internal static partial class JitListing
{
    /// <summary>
    /// From the target of each backward branch to the branch, where no other such branch and no call lies between: the method, the
    /// compiler's words for the instructions, and their bytes in hexadecimal.
    /// </summary>
    public static IEnumerable<(string Method, string[] Lines, string[] Code)> InnermostLoops(string file, Regex branch, Regex call)
    {
        foreach (var (method, lines) in Methods(File.ReadLines(file)))
        {
            List<string> text = [], code = [];
            Dictionary<string, int> labels = [];
            List<(int From, int To)> loops = [];
            foreach (string line in lines)
            {
                if (Label().Match(line) is { Success: true } label) labels[label.Groups[1].Value] = code.Count;
                if (Instruction().Match(line) is not { Success: true } m) continue;
                string words = m.Groups[2].Value.Trim();
                if (branch.IsMatch(words) && labels.TryGetValue(words[(words.LastIndexOfAny([' ', ',']) + 1)..], out int target)) loops.Add((target, code.Count));
                text.Add(words);
                code.Add(m.Groups[1].Value);
            }
            foreach (var (from, to) in loops)
            {
                if (loops.Exists(l => l != (from, to) && l.From >= from && l.To <= to)) continue;
                string[] turn = [.. text.Skip(from).Take(to - from + 1)];
                if (!turn.Any(i => call.IsMatch(i))) yield return (method, turn, [.. code.Skip(from).Take(to - from + 1)]);
            }
        }
    }

    private static IEnumerable<(string Name, List<string> Lines)> Methods(IEnumerable<string> listing)
    {
        const string Heading = "; Assembly listing for method ";
        string name = "";
        List<string> lines = [];
        foreach (string line in listing)
        {
            if (!line.StartsWith(Heading, StringComparison.Ordinal))
            {
                lines.Add(line);
                continue;
            }
            yield return (name, lines);
            (name, lines) = (line[Heading.Length..], []);
        }
        yield return (name, lines);
    }

    [GeneratedRegex(@"^(G_M\w+):")]
    private static partial Regex Label();

    [GeneratedRegex(@"^\s+((?:[0-9A-F]{2})+)\s+(.*)$")]
    private static partial Regex Instruction();
}
