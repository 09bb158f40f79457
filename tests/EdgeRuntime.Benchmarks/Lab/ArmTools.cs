using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace EdgeRuntime.Benchmarks;

/// <summary>An innermost loop of the JIT's ARM64 code.</summary>
/// <param name="Method">Its method.</param>
/// <param name="Lines">The instructions.</param>
/// <param name="Cycles">Cycles of one turn by core; cores whose model lacks an instruction are missing.</param>
internal sealed record ArmLoop(string Method, IReadOnlyList<string> Lines, IReadOnlyDictionary<string, double> Cycles);

/// <summary>
/// Drives an emulator of ARM64 processors (<c>run.sh</c>) and llvm-mca (<c>mca.sh</c>), which are no part of the repository: the folder that
/// has them is named by <c>--tools</c> or <c>EDGE_ARM64_TOOLS</c>. They run this program, on the emulated processor.
/// </summary>
internal sealed partial class ArmTools(string folder)
{
    /// <summary>The cores of the boards, as llvm-mca names them.</summary>
    public static readonly string[] Cores = ["cortex-a53", "cortex-a72", "neoverse-n1"];

    private const string Mca = "llvm-mca-19";

    /// <summary>The tools, or null with a message where they are missing.</summary>
    public static ArmTools? Find(string[] args)
    {
        string? folder = Options.Text(args, "--tools") ?? Environment.GetEnvironmentVariable("EDGE_ARM64_TOOLS");
        if (folder is not null && File.Exists(Path.Combine(folder, "mca.sh")) && File.Exists(Path.Combine(folder, "run.sh"))) return new ArmTools(folder);
        Console.WriteLine("skipped: needs the folder with run.sh and mca.sh, the ARM64 emulator's scripts; name it with --tools FOLDER or EDGE_ARM64_TOOLS");
        return null;
    }

    /// <summary>The innermost loops of all kernels' methods that a run of this program compiles.</summary>
    public IReadOnlyList<ArmLoop> Loops(string processor, params string[] arguments)
    {
        string[] lines = Run(Path.Combine(folder, "mca.sh"), "", ["-cpu", processor, "-cores", string.Join(' ', Cores), "EdgeRuntime.Kernels.*:*", Program, .. arguments]).Split('\n');
        List<ArmLoop> loops = [];
        for (int i = 1; i < lines.Length; i++)
        {
            if (!lines[i].StartsWith("loop of ", StringComparison.Ordinal)) continue;
            string method = lines[i - 1];
            List<string> code = [];
            for (i++; i < lines.Length && lines[i].StartsWith("    ", StringComparison.Ordinal); i++) code.Add(lines[i].Trim());
            Dictionary<string, double> cycles = [];
            for (; i < lines.Length && lines[i].Length > 0; i++)
            {
                string[] words = lines[i].Split(' ', StringSplitOptions.RemoveEmptyEntries);
                if (words.Length == 4 && Cores.Contains(words[0])) cycles[words[0]] = double.Parse(words[1], CultureInfo.InvariantCulture);
            }
            loops.Add(new ArmLoop(method, code, cycles));
        }
        return loops;
    }

    /// <summary>Instructions that the kernels execute in a run of this program; packing and choosing left out.</summary>
    public long Instructions(string processor, params string[] arguments)
    {
        string counts = Path.GetTempFileName();
        try
        {
            Run(Path.Combine(folder, "run.sh"), "", ["-cpu", processor, "-count", counts, Program, .. arguments]);
            return File.ReadLines(counts).Where(l => l.Contains("EdgeRuntime.Kernels]", StringComparison.Ordinal) && !NotRunning().IsMatch(l))
                .Sum(l => long.Parse(l[..l.IndexOf(' ')], CultureInfo.InvariantCulture));
        }
        finally
        {
            File.Delete(counts);
        }
    }

    /// <summary>The least cycles in which a core can issue the multiplications of a loop, whatever else there is; null where its model lacks one.</summary>
    public static double? MultiplyLimit(ArmLoop loop, string core)
    {
        string[] multiplies = [.. loop.Lines.Where(l => ProductsOf(l) > 0)];
        string report;
        try
        {
            report = Run(Mca, string.Join('\n', multiplies), ["-march=aarch64", $"-mcpu={core}", "-iterations=100"]);
        }
        catch (InvalidOperationException)
        {
            return null;
        }
        return double.Parse(Regex.Match(report, @"Block RThroughput:\s*([0-9.]+)").Groups[1].Value, CultureInfo.InvariantCulture);
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

    [GeneratedRegex(@"^(?<name>[su]mull2?|[su]mlal2?|[su]mlsl2?|sqdmulh|sqrdmulh|[fs]?mul|mla|mls|fmla|fmls|[su]dot|cnt)\s+v\d+\.(?<lanes>\d+)[bhsd],")]
    private static partial Regex Multiplication();

    [GeneratedRegex(@"::(Pack|WeightIndex|get_|NeedsCare|HasExtremePair|EstimateCycles|Cheapest|Select|Supports|PrintMembers|Tiles\(|\.c?ctor)")]
    private static partial Regex NotRunning();

    private static string Run(string program, string input, string[] arguments)
    {
        ProcessStartInfo start = new(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
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
