namespace EdgeRuntime.Model.Tests;

/// <summary>
/// The files of tests/fixtures/format-*, which every later reader must still read, and which this writer still writes, byte
/// for byte, in the first version that has what they use. EDGE_WRITE_FIXTURES=1 makes the tests write those of new samples.
/// </summary>
public sealed class GoldenFileTests
{
    public static TheoryData<string> Names => PackedFormatTests.Names;

    /// <summary>Folder and name of every file, those of earlier versions included.</summary>
    public static TheoryData<string, string> Files
    {
        get
        {
            TheoryData<string, string> files = [];
            foreach (string path in Directory.EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "fixtures"), "*.edge", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
                files.Add(Path.GetFileName(Path.GetDirectoryName(path)!), Path.GetFileNameWithoutExtension(path));
            return files;
        }
    }

    [Theory, MemberData(nameof(Names))]
    public void TheWriterStillWritesThem(string name)
    {
        var (_, graph, options) = PackedFormatTests.Sample(name);
        byte[] written = PackedFormatTests.Bytes(graph, options);
        string folder = $"format-{FormatConstants.VersionOf(graph)}";
        if (Environment.GetEnvironmentVariable("EDGE_WRITE_FIXTURES") == "1") File.WriteAllBytes(Path.Combine(Directory.CreateDirectory(Path.Combine(SourceFolder(), folder)).FullName, name + ".edge"), written);
        else Assert.Equal(File.ReadAllBytes(Fixture(folder, name)), written);
    }

    [Theory, MemberData(nameof(Files))]
    public void TheReaderStillReadsThem(string folder, string name)
    {
        var (_, graph, options) = PackedFormatTests.Sample(name);
        using PackedModel model = ModelReader.Open(Fixture(folder, name));
        GraphAssert.Same(graph, model.Graph, names: !options.ShortNames);
        Assert.Equal(options.Golden.Count, model.Golden.Count);
        Assert.Equal(options.Prepacked.Count, model.Prepacked.Count);
        Assert.Equal(new FileInfo(Fixture(folder, name)).Length, model.FileSize);
    }

    [Fact]
    public void TheyCoverTheFormat()
    {
        Graph[] graphs = [.. SampleGraphs.All().Select(s => s.Graph)];
        ValueInfo[] values = [.. graphs.SelectMany(g => g.Values())];
        Assert.Equal(Enum.GetValues<Tensors.ElementType>(), values.Where(v => v.IsConstant).Select(v => v.Type).Distinct().Order());
        Assert.Equal(OperatorSchemas.All.SelectMany(o => o.Attributes).Select(a => a.Kind).Distinct().Order(), graphs.SelectMany(g => g.Nodes)
            .SelectMany(n => n.Attributes.Entries.Select(a => OperatorSchemas.Get(n.Type).Find(a.Key)!.Kind)).Distinct().Order());
        // Per tensor, per channel, per group, per channel and group; with zero points and without.
        Assert.Equal([(false, false), (false, true), (true, false), (true, true)],
            values.Where(v => v.Quantization is not null).Select(v => (v.Quantization!.Axis >= 0, v.Quantization.GroupSize > 0)).Distinct().Order());
        Assert.Contains(values, v => v.Quantization is { IsSymmetric: false, IsPerTensor: false });
    }

    private static string Fixture(string folder, string name) => Path.Combine(AppContext.BaseDirectory, "fixtures", folder, name + ".edge");

    private static string SourceFolder()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "EdgeRuntime.sln"))) folder = Path.GetDirectoryName(folder);
        return Directory.CreateDirectory(Path.Combine(folder ?? throw new DirectoryNotFoundException("EdgeRuntime.sln"), "tests", "fixtures")).FullName;
    }
}
