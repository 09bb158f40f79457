using System.Globalization;
using System.Reflection;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Model.Tests;

/// <summary>The tables of SPEC.md are what the code does.</summary>
public sealed class SpecificationTests
{
    private static readonly string[] Lines = File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "SPEC.md"));

    [Fact]
    public void SectionIds() => Assert.Equal(Enum.GetValues<SectionId>().Select(id => (((uint)id).ToString(CultureInfo.InvariantCulture), id.ToString())), Table("### Section ids").Select(r => (r[0], r[1])));

    [Fact]
    public void SectionFlagsAndPresence()
    {
        Graph dense = SampleGraphs.Dense();
        byte[] bytes = PackedFormatTests.Bytes(dense, new ModelWriterOptions { Golden = SampleGraphs.GoldenOf(dense), Prepacked = SampleGraphs.PanelsOf() });
        using PackedModel model = ModelReader.Read(bytes);
        Dictionary<string, string[]> rows = Table("### Section ids").ToDictionary(r => r[1]);
        foreach (SectionInfo s in model.Header.Sections) Assert.Equal(s.Flags.ToString(), rows[s.Id.ToString()][2]);
        using PackedModel smallest = ModelReader.Read(PackedFormatTests.Bytes(SampleGraphs.Smallest(), null));
        Assert.Equal(rows.Values.Where(r => r[3] == "yes").Select(r => r[1]), smallest.Header.Sections.Select(s => s.Id.ToString()));
    }

    [Fact]
    public void ElementTypeNumbers() => Assert.Equal(Enum.GetValues<ElementType>().Select(t => ($"{(int)t}", t.ToString(), $"{t.Bits()}")), Table("### Element types").Select(r => (r[0], r[1], r[2])));

    [Fact]
    public void Encodings() => AssertEnum<ConstantEncoding>("### Encodings of constants");

    [Fact]
    public void AttributeKinds() => AssertEnum<AttributeKind>("### Attribute kinds");

    [Fact]
    public void Operators() => AssertEnum<OperatorType>("### Operators");

    [Fact]
    public void Limits() => Assert.Equal(
        typeof(FormatLimits).GetFields(BindingFlags.Public | BindingFlags.Static).Select(f => (f.Name, Convert.ToString(f.GetRawConstantValue(), CultureInfo.InvariantCulture)!)),
        Table("## 9. Limits").Select(r => (r[0], r[1])));

    [Fact]
    public void HeaderAndEntrySizes()
    {
        Assert.Equal(FormatConstants.HeaderSize, SizeOf(Table("### Header")));
        Assert.Equal(FormatConstants.EntrySize, SizeOf(Table("### Entry of the section table")));
        string magic = string.Join(' ', FormatConstants.Magic.ToArray().Select(b => b.ToString("X2", CultureInfo.InvariantCulture)));
        Assert.Contains($"`{magic}`", Table("### Header")[0][2], StringComparison.Ordinal);
        Assert.EndsWith($"version {FormatConstants.Version}", Lines[0], StringComparison.Ordinal);
        Assert.Contains(Lines, l => l.Contains($"starts at a multiple of {FormatConstants.Alignment} bytes", StringComparison.Ordinal));
    }

    // The last row's offset and size; on the way, that every row starts where the one before it ends.
    private static int SizeOf(List<string[]> rows)
    {
        int end = 0;
        foreach (string[] row in rows)
        {
            Assert.Equal(end, int.Parse(row[0], CultureInfo.InvariantCulture));
            end += row[1].Split(", ").Sum(t => t switch
            {
                "u16" => 2,
                "u32" => 4,
                "u64" => 8,
                _ => int.Parse(t["u8[".Length..^1], CultureInfo.InvariantCulture),
            });
        }
        return end;
    }

    private static void AssertEnum<T>(string heading) where T : struct, Enum =>
        Assert.Equal(Enum.GetValues<T>().Select(v => (Convert.ToInt32(v, CultureInfo.InvariantCulture).ToString(CultureInfo.InvariantCulture), v.ToString())),
            Table(heading).Select(r => (r[0], r[1])));

    private static List<string[]> Table(string heading)
    {
        List<string[]> rows = [.. Lines.SkipWhile(l => l != heading).Skip(1).SkipWhile(l => !l.StartsWith('|')).TakeWhile(l => l.StartsWith('|'))
            .Skip(2).Select(l => l.Trim('|').Split('|', StringSplitOptions.TrimEntries))];
        Assert.NotEmpty(rows);
        return rows;
    }
}
