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
            Llvm.Run(script, "", ["-cpu", processor, Program, .. arguments], new() { ["TieredCompilation"] = "0", ["JitDisasm"] = "EdgeRuntime.Kernels.*:*", ["JitDisasmWithCodeBytes"] = "1", ["JitStdOutFile"] = listing });
            return [.. JitListing.InnermostLoops(listing, Branch(), Call()).Where(l => l.Lines.Any(i => ProductsOf(i) > 0)).Select(l => new ArmLoop(l.Method, Disassemble(l.Code)))];
        }
        finally
        {
            File.Delete(listing);
        }
    }

    /// <summary>Cycles of one turn, dependencies between turns included, all data in the first-level cache; null where the core's model lacks an instruction.</summary>
    public static double? Cycles(IReadOnlyList<string> loop, string core) => Llvm.Analyse(loop, "aarch64", core, "Total Cycles:", Turns) / Turns;

    /// <summary>The least cycles in which the core can issue the multiplications of a loop, whatever else there is.</summary>
    public static double? MultiplyLimit(IReadOnlyList<string> loop, string core) => Llvm.Analyse([.. loop.Where(l => ProductsOf(l) > 0)], "aarch64", core, "Block RThroughput:", Turns);

    /// <summary>Instructions that the kernels execute in a run of this program; packing and choosing left out.</summary>
    public long Instructions(string processor, params string[] arguments)
    {
        string counts = Path.GetTempFileName();
        try
        {
            Llvm.Run(script, "", ["-cpu", processor, "-count", counts, Program, .. arguments]);
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

    /// <summary>llvm's words for machine code: the JIT's are not quite its assembler's.</summary>
    private static string[] Disassemble(IEnumerable<string> words)
    {
        string bytes = string.Join('\n', words.Select(w => $"0x{w[6..8]},0x{w[4..6]},0x{w[2..4]},0x{w[..2]}"));
        return Llvm.Disassemble(bytes, "aarch64", "+all");
    }

    [GeneratedRegex(@"^blr?\s")]
    private static partial Regex Call();

    [GeneratedRegex(@"^(b|b\.\w+|b[a-z]{2}|cbn?z|tbn?z)\s")]
    private static partial Regex Branch();

    [GeneratedRegex(@"^(?<name>[su]mull2?|[su]mlal2?|[su]mlsl2?|f?mul|mla|mls|fmla|fmls|[su]dot|cnt)\s+v\d+\.(?<lanes>\d+)[bhsd],")]
    private static partial Regex Multiplication();

    [GeneratedRegex(@"WeightUnits::|DisplayClass|<>c::|::(Pack|WeightIndex|get_|NeedsCare|HasExtremePair|Arrange|Blocks|Fits|LargestSum|OffsetOf|Is3x3|Steps|Units|EstimateCycles|Cheapest|Select|Supports|PrintMembers|Tiles\(|\.c?ctor)")]
    private static partial Regex NotRunning();
}
