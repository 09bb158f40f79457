using System.Diagnostics;
using System.Globalization;

namespace EdgeRuntime.Benchmarks;

/// <summary>llvm 19's disassembler and its models of processors.</summary>
internal static class Llvm
{
    /// <summary>llvm's words for machine code, whose bytes stand as <c>0x12,0x34</c>: the compiler's are not quite its assembler's.</summary>
    public static string[] Disassemble(string bytes, string target, string features) =>
        [.. Run("llvm-mc-19", bytes, ["--disassemble", "--triple=" + target, "--mattr=" + features]).Split('\n')
            .Select(l => l.Trim().Replace('\t', ' ')).Where(l => l.Length > 0 && l[0] != '.')];

    /// <summary>A figure of llvm-mca's report on that many turns of a loop; null where the model of the core lacks an instruction.</summary>
    public static double? Analyse(IReadOnlyList<string> code, string target, string core, string figure, int turns, string features = "")
    {
        try
        {
            string report = Run("llvm-mca-19", string.Join('\n', code), ["-march=" + target, "-mcpu=" + core, "-mattr=" + features, $"-iterations={turns}"]);
            int at = report.IndexOf(figure, StringComparison.Ordinal) + figure.Length;
            return double.Parse(report.AsSpan(at, report.IndexOf('\n', at) - at), CultureInfo.InvariantCulture);
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>What a program prints.</summary>
    /// <exception cref="InvalidOperationException">It fails.</exception>
    public static string Run(string program, string input, string[] arguments, Dictionary<string, string>? runtime = null)
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
