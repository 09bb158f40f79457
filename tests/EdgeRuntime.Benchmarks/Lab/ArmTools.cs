using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace EdgeRuntime.Benchmarks;

/// <summary>An innermost loop of the JIT's ARM64 code.</summary>
/// <param name="Method">Its method.</param>
/// <param name="Lines">The instructions, as llvm writes them.</param>
internal sealed record ArmLoop(string Method, IReadOnlyList<string> Lines)
{
    /// <summary>Products of one turn.</summary>
    public int Products { get; } = Lines.Sum(ArmTools.ProductsOf);
}

/// <summary>
/// Drives an emulator of ARM64 processors (<c>run.sh</c> in a folder that is no part of the repository, named by <c>--tools</c> or
/// <c>EDGE_ARM64_TOOLS</c>), on which this program runs itself, and llvm's models of the boards' cores.
/// </summary>
internal sealed partial class ArmTools(string script)
{
    /// <summary>The cores of the boards, as llvm names them.</summary>
    public static readonly string[] Cores = ["cortex-a53", "cortex-a72", "neoverse-n1"];

    private const int Turns = 200;

    /// <summary>The tools, or null with a message where they are missing.</summary>
    public static ArmTools? Find(string[] args)
    {
        string? folder = Options.Text(args, "--tools") ?? Environment.GetEnvironmentVariable("EDGE_ARM64_TOOLS");
        if (folder is not null && File.Exists(Path.Combine(folder, "run.sh"))) return new ArmTools(Path.Combine(folder, "run.sh"));
        Console.WriteLine("skipped: needs the folder with run.sh, which runs .NET programs on emulated ARM64; name it with --tools FOLDER or EDGE_ARM64_TOOLS");
        return null;
    }

    /// <summary>The innermost loops with products of all kernels that a run of this program compiles.</summary>
    public IReadOnlyList<ArmLoop> Loops(string processor, params string[] arguments)
    {
        string listing = Path.GetTempFileName();
        try
        {
            Run(script, "", ["-cpu", processor, Program, .. arguments], new() { ["TieredCompilation"] = "0", ["JitDisasm"] = "EdgeRuntime.Kernels.*:*", ["JitDisasmWithCodeBytes"] = "1", ["JitStdOutFile"] = listing });
            return [.. Methods(File.ReadLines(listing)).SelectMany(m => InnermostLoops(m.Name, m.Lines))];
        }
        finally
        {
            File.Delete(listing);
        }
    }

    /// <summary>Cycles of one turn, dependencies between turns included, all data in the first-level cache; null where the core's model lacks an instruction.</summary>
    public static double? Cycles(IReadOnlyList<string> loop, string core) => Analyse(loop, core, "Total Cycles:") / Turns;

    /// <summary>The least cycles in which the core can issue the multiplications of a loop, whatever else there is.</summary>
    public static double? MultiplyLimit(IReadOnlyList<string> loop, string core) => Analyse([.. loop.Where(l => ProductsOf(l) > 0)], core, "Block RThroughput:");

    /// <summary>Instructions that the kernels execute in a run of this program; packing and choosing left out.</summary>
    public long Instructions(string processor, params string[] arguments)
    {
        string counts = Path.GetTempFileName();
        try
        {
            Run(script, "", ["-cpu", processor, "-count", counts, Program, .. arguments]);
            return File.ReadLines(counts).Where(l => l.Contains("EdgeRuntime.Kernels]", StringComparison.Ordinal) && !NotRunning().IsMatch(l))
                .Sum(l => long.Parse(l[..l.IndexOf(' ')], CultureInfo.InvariantCulture));
        }
        finally
        {
            File.Delete(counts);
        }
    }

    /// <summary>Products that an instruction does, 0 for all but vector multiplications and popcounts.</summary>
    public static int ProductsOf(string instruction)
    {
        Match m = Multiplication().Match(instruction);
        if (!m.Success) return 0;
        int lanes = int.Parse(m.Groups["lanes"].Value, CultureInfo.InvariantCulture);
        return m.Groups["name"].Value switch
        {
            "sdot" or "udot" => 4 * lanes,
            "cnt" => 8 * lanes,
            _ => lanes,
        };
    }

    private static string Program => typeof(ArmTools).Assembly.Location;

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

    /// <summary>From the target of each backward branch to the branch, where no other such branch and no call lies between.</summary>
    private static IEnumerable<ArmLoop> InnermostLoops(string method, List<string> lines)
    {
        List<string> code = [], words = [];
        Dictionary<string, int> labels = [];
        List<(int From, int To)> loops = [];
        foreach (string line in lines)
        {
            if (Label().Match(line) is { Success: true } label) labels[label.Groups[1].Value] = code.Count;
            if (Instruction().Match(line) is not { Success: true } m) continue;
            string text = m.Groups[2].Value.Trim();
            if (Branch().IsMatch(text) && labels.TryGetValue(text[(text.LastIndexOfAny([' ', ',']) + 1)..], out int target)) loops.Add((target, code.Count));
            code.Add(text);
            words.Add(m.Groups[1].Value);
        }
        foreach (var (from, to) in loops)
        {
            if (loops.Exists(l => l != (from, to) && l.From >= from && l.To <= to)) continue;
            IEnumerable<string> turn = code.Skip(from).Take(to - from + 1);
            if (!turn.Any(i => ProductsOf(i) > 0) || turn.Any(i => Call().IsMatch(i))) continue;
            yield return new ArmLoop(method, Disassemble(words.Skip(from).Take(to - from + 1)));
        }
    }

    /// <summary>llvm's words for machine code: the JIT's are not quite its assembler's.</summary>
    private static string[] Disassemble(IEnumerable<string> words)
    {
        string bytes = string.Join('\n', words.Select(w => $"0x{w[6..8]},0x{w[4..6]},0x{w[2..4]},0x{w[..2]}"));
        string text = Run("llvm-mc-19", bytes, ["--disassemble", "--triple=aarch64", "--mattr=+all"]);
        return [.. text.Split('\n').Select(l => l.Trim().Replace('\t', ' ')).Where(l => l.Length > 0 && l[0] != '.')];
    }

    private static double? Analyse(IReadOnlyList<string> code, string core, string figure)
    {
        try
        {
            string report = Run("llvm-mca-19", string.Join('\n', code), ["-march=aarch64", $"-mcpu={core}", $"-iterations={Turns}"]);
            int at = report.IndexOf(figure, StringComparison.Ordinal) + figure.Length;
            return double.Parse(report.AsSpan(at, report.IndexOf('\n', at) - at), CultureInfo.InvariantCulture);
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    [GeneratedRegex(@"^(G_M\w+):")]
    private static partial Regex Label();

    [GeneratedRegex(@"^\s+([0-9A-F]{8})\s+(.*)$")]
    private static partial Regex Instruction();

    [GeneratedRegex(@"^blr?\s")]
    private static partial Regex Call();

    [GeneratedRegex(@"^(b|b\.\w+|b[a-z]{2}|cbn?z|tbn?z)\s")]
    private static partial Regex Branch();

    [GeneratedRegex(@"^(?<name>[su]mull2?|[su]mlal2?|[su]mlsl2?|f?mul|mla|mls|fmla|fmls|[su]dot|cnt)\s+v\d+\.(?<lanes>\d+)[bhsd],")]
    private static partial Regex Multiplication();

    [GeneratedRegex(@"WeightUnits::|DisplayClass|<>c::|::(Pack|WeightIndex|get_|NeedsCare|HasExtremePair|Arrange|Blocks|Fits|LargestSum|OffsetOf|Is3x3|Steps|Units|EstimateCycles|Cheapest|Select|Supports|PrintMembers|Tiles\(|\.c?ctor)")]
    private static partial Regex NotRunning();

    private static string Run(string program, string input, string[] arguments, Dictionary<string, string>? runtime = null)
    {
        ProcessStartInfo start = new(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in runtime ?? []) start.Environment["DOTNET_" + name] = value;
        using Process process = Process.Start(start) ?? throw new InvalidOperationException($"{program} does not start");
        Task<string> errors = process.StandardError.ReadToEndAsync();
        process.StandardInput.Write(input);
        process.StandardInput.Close();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0) throw new InvalidOperationException($"{program} {string.Join(' ', arguments)}: {errors.Result}");
        return output;
    }
}
