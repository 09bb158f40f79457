using Xunit;

namespace EdgeRuntime.Compressor.Tests;

/// <summary>docs/operators.md lists the operators that are imported.</summary>
public sealed class OperatorListTests
{
    [Fact]
    public void TheDocumentListsWhatIsImported()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "EdgeRuntime.sln"))) folder = Path.GetDirectoryName(folder);
        string text = File.ReadAllText(Path.Combine(folder ?? throw new DirectoryNotFoundException("EdgeRuntime.sln"), "docs", "operators.md"));
        string[] blocks = [.. text.Split("\n\n").Where(b => b.StartsWith("    ", StringComparison.Ordinal))];
        string[] onnx = [.. Words(blocks[0]), .. Words(blocks[1]).Select(w => "com.microsoft." + w)];
        Assert.Equal(OnnxOperators.Keys.Append("If").Order(StringComparer.Ordinal), onnx.Order(StringComparer.Ordinal));
        Assert.Equal(Enum.GetValues<TfLiteOperatorCode>().Where(c => c != TfLiteOperatorCode.Custom).Select(c => TfLiteSchema.NameOf((int)c)).Order(StringComparer.Ordinal), Words(blocks[2]).Order(StringComparer.Ordinal));
    }

    private static string[] Words(string block) => block.Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries);
}
