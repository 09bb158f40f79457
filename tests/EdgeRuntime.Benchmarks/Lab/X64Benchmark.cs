using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace EdgeRuntime.Benchmarks;

/// <summary>
/// The inner loops of x86-64 kernels, those too whose instructions this machine lacks: <c>lab-x64 [--write FILE.md]</c>, from the repository's
/// root, publishes the daemon for two sets of instructions, has the compiler print its code, and asks llvm-mca for cycles a turn.
/// </summary>
internal static partial class X64Benchmark
{
    private const int Turns = 200;

    private const string Project = "src/EdgeRuntime.Daemon";

    /// <summary>llvm 19 has no model of Zen 5 and takes Zen 4's.</summary>
    private static readonly string[] Cores = ["alderlake", "sapphirerapids", "icelake-server", "znver5"];

    /// <summary>What a program may use, and the methods that are looked at then.</summary>
    private static readonly (string Instructions, Regex Methods)[] Programs = [("x86-64-v3,avxvnni", OfAvx2()), ("x86-64-v4", OfAvx512())];

    public static void Run(string[] args)
    {
        if (!Directory.Exists(Project))
        {
            Console.WriteLine("skipped: run it from the repository's root");
            return;
        }
        StringBuilder table = new($"| loop in | products | instructions | {string.Join(" | ", Cores)} |\n|---|--:|--:|{string.Concat(Cores.Select(_ => "--:|"))}\n");
        foreach (var (instructions, methods) in Programs)
            foreach (var loop in Loops(instructions, methods))
            {
                string row = $"| `{loop.Name}` | {loop.Products} | {loop.Code.Length} | {string.Join(" | ", Cores.Select(c => Cost(loop.Code, c)))} |";
                Console.WriteLine(row);
                table.Append(row).Append('\n');
            }
        if (Options.Text(args, "--write") is { } document) MarkdownTable.Replace(document, "x64-loops", table.ToString());
    }

    /// <summary>Of every method, whatever the counts that it is compiled for, the loop with the most products; those with the most first.</summary>
    private static IEnumerable<(string Name, int Products, string[] Code)> Loops(string instructions, Regex methods)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory();
        try
        {
            string listing = Path.Combine(folder.FullName, "listing.txt"), targets = Path.Combine(folder.FullName, "listing.targets");
            string[] options = ["JitDisasm=EdgeRuntime.Kernels.*:*", "JitDisasmWithCodeBytes=1", "JitStdOutFile=" + listing];
            File.WriteAllText(targets, $"<Project><ItemGroup>{string.Concat(options.Select(o => $"<IlcArg Include=\"--codegenopt:{o.Replace("*", "%2a", StringComparison.Ordinal)}\" />"))}</ItemGroup></Project>");
            Llvm.Run("dotnet", "", ["publish", Project, "-c", "Release", "-r", "linux-x64", "-p:PublishAot=true", "-p:IlcInstructionSet=" + instructions.Replace(",", "%2c", StringComparison.Ordinal),
                "-p:CustomAfterMicrosoftCommonTargets=" + targets, "--artifacts-path", folder.FullName, "--nologo", "-v", "q"]);
            return [.. JitListing.InnermostLoops(listing, Branch(), Call()).Where(l => methods.IsMatch(l.Method) && !Packing().IsMatch(l.Method) && l.Lines.Any(i => ProductsOf(i) > 0))
                .Select(l => (Name: ShortName(l.Method), Products: l.Lines.Sum(ProductsOf), l.Code))
                .GroupBy(l => l.Name).Select(g => g.MaxBy(l => l.Products)).OrderByDescending(l => l.Products)
                .Select(l => (l.Name, l.Products, Llvm.Disassemble(string.Join('\n', l.Code.Select(Bytes)), "x86_64", "+avxvnni,+avx512bw,+avx512dq,+avx512vl")))];
        }
        finally
        {
            folder.Delete(true);
        }
    }

    private static string Bytes(string code) => string.Join(',', code.Chunk(2).Select(b => $"0x{b[0]}{b[1]}"));

    /// <summary>Cycles of one turn, and the least that issuing its multiplications takes as a share of them.</summary>
    private static string Cost(string[] code, string core)
    {
        double? cycles = Llvm.Analyse(code, "x86-64", core, "Total Cycles:", Turns) / Turns;
        double? limit = Llvm.Analyse([.. code.Where(l => ProductsOf(l) > 0)], "x86-64", core, "Block RThroughput:", Turns);
        return cycles is null || limit is null ? "–" : string.Create(CultureInfo.InvariantCulture, $"{cycles:F1} ({limit / cycles:P0})");
    }

    private static int ProductsOf(string instruction)
    {
        Match m = Multiplication().Match(instruction);
        return !m.Success ? 0 : (instruction.Contains("zmm", StringComparison.Ordinal) ? 2 : 1) * m.Groups[1].Value switch { "vpmaddwd" => 16, "vfmadd" => 8, _ => 32 };
    }

    /// <summary>Class, what it multiplies by, and method: without counts, types of vectors and what remains of those.</summary>
    private static string ShortName(string method)
    {
        string name = method.Split('(')[0];
        for (int length = 0; length != name.Length; name = Noise().Replace(name, "")) length = name.Length;
        return name;
    }

    [GeneratedRegex(@"AvxVnni|Int8DotAvx2|Int8GemvBytes")]
    private static partial Regex OfAvx2();

    [GeneratedRegex(@"Int8DotAvx512|Int16PairsAvx512|GemmFloat32Tile.*Avx512")]
    private static partial Regex OfAvx512();

    [GeneratedRegex(@"EdgeRuntime\.Kernels\.|System\.Runtime\.Intrinsics\.|`\d|,?\bN\d+\b|,?Vector\d+\[\w+\]|\[AvxVnniInstruction\]|,?Int8StoredSums\[\w*\]|,(?=[,\]])|\[\]")]
    private static partial Regex Noise();

    [GeneratedRegex(@":(Pack|Pair)")]
    private static partial Regex Packing();

    [GeneratedRegex(@"^j")]
    private static partial Regex Branch();

    [GeneratedRegex(@"^call\b")]
    private static partial Regex Call();

    [GeneratedRegex(@"(vpdpbusd|vpmaddwd|vpmaddubsw|vfmadd)\w*\s.*[yz]mm")]
    private static partial Regex Multiplication();
}
