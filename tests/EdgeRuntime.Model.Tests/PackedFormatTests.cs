using System.Runtime.InteropServices;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Model.Tests;

public sealed class PackedFormatTests
{
    public static TheoryData<string> Names => [.. SampleGraphs.All().Select(s => s.Name)];

    [Theory, MemberData(nameof(Names))]
    public void AGraphComesBackAsItWas(string name)
    {
        var (_, graph, options) = Sample(name);
        using PackedModel model = ModelReader.Read(Bytes(graph, options));
        GraphAssert.Same(graph, model.Graph, names: !options.ShortNames);
        Assert.Equal(FormatConstants.VersionOf(graph), model.Header.Version);
    }

    [Theory, MemberData(nameof(Names))]
    public void TheSameGraphGivesTheSameBytes(string name)
    {
        byte[] bytes = Bytes(Sample(name).Graph, Sample(name).Options);
        Assert.Equal(bytes, Bytes(Sample(name).Graph, Sample(name).Options));
        if (Sample(name).Options.ShortNames) return;
        using PackedModel model = ModelReader.Read(bytes);
        Assert.Equal(bytes, Bytes(model.Graph, new ModelWriterOptions { Golden = model.Golden, Prepacked = model.Prepacked }));
    }

    [Fact]
    public void GoldenSamplesAndPanelsComeBack()
    {
        var (_, graph, options) = Sample("all-sections");
        using PackedModel model = ModelReader.Read(Bytes(graph, options));
        Assert.Equal(2, model.Golden.Count);
        foreach (var (expected, actual) in options.Golden.Zip(model.Golden))
        {
            Assert.Equal(expected.Inputs[0].Data.ToArray(), actual.Inputs[0].Data.ToArray());
            Assert.Equal(expected.Outputs[0].Data.ToArray(), actual.Outputs[0].Data.ToArray());
        }
        Assert.Equal([1, 2, 3, 4, 5], model.FindPanel("dense", "gemm-a", Sha256.Hash([1]))!.Data.ToArray());
        Assert.Null(model.FindPanel("dense", "gemm-a", Sha256.Hash([2])));
        Assert.Null(model.FindPanel("dense", "gemm-c", Sha256.Hash([1])));
        Assert.Null(model.FindPanel("other", "gemm-a", Sha256.Hash([1])));
        Assert.True(model.FindPanel("dense", "gemm-b", Sha256.Hash([2]))!.Data.IsEmpty);
    }

    [Fact]
    public void ShortNamesKeepInputsOutputsAndPanelsInReach()
    {
        Graph dense = SampleGraphs.Dense();
        ModelWriterOptions options = new() { ShortNames = true, Prepacked = SampleGraphs.PanelsOf() };
        using PackedModel model = ModelReader.Read(Bytes(dense, options));
        GraphAssert.Same(dense, model.Graph, names: false);
        Assert.NotNull(model.FindPanel(model.Graph.Nodes[1].Name, "gemm-a", Sha256.Hash([1])));
        dense.Inputs[0].Name = "0";
        using PackedModel clash = ModelReader.Read(Bytes(dense, options));
        Assert.Equal("0", clash.Graph.Inputs[0].Name);
    }

    [Fact]
    public void ImpliedScalesOfBiasesAreLeftOutAndOthersAreNot()
    {
        Graph graph = SampleGraphs.ConvolutionInt8();
        ModelWriterOptions options = new() { ImpliedScales = true };
        ValueInfo bias = graph.Nodes[0].Input(2);
        using (PackedModel model = ModelReader.Read(Bytes(graph, options)))
        {
            Assert.Null(model.Graph.Nodes[0].Input(2).Quantization);
            Assert.Equal(graph.Nodes[0].Input(1).Quantization, model.Graph.Nodes[0].Input(1).Quantization);
        }
        bias.Quantization = new QuantizationParameters([0.125f, 0.0625f, 6e-7f], axis: 0);
        using PackedModel other = ModelReader.Read(Bytes(graph, options));
        GraphAssert.Same(graph, other.Graph);
    }

    [Theory, InlineData(true), InlineData(false)]
    public unsafe void ConstantsAreWindowsOfTheSource(bool mapped)
    {
        string path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.edge");
        byte[] bytes = Bytes(SampleGraphs.ElementTypeGraph(), null);
        GCHandle pin = GCHandle.Alloc(bytes, GCHandleType.Pinned);
        try
        {
            File.WriteAllBytes(path, bytes);
            using PackedModel model = mapped ? ModelReader.Open(path) : ModelReader.Read(bytes);
            SectionInfo tensors = model.Header.Find(SectionId.Tensors)!;
            // The first constant starts the section: every other one must lie at the same distance from it as in the file.
            ReadOnlySpan<byte> first = model.Graph.Outputs[0].Constant!.Data.Span;
            fixed (byte* origin = first)
            {
                byte* start = origin - tensors.Offset;
                if (!mapped) Assert.Equal((nint)start, pin.AddrOfPinnedObject());
                else Assert.True(new ReadOnlySpan<byte>(start, bytes.Length).SequenceEqual(bytes), "the map around the first constant is the file");
                foreach (Tensor constant in model.Graph.Values().Select(v => v.Constant!).Where(c => !c.Data.IsEmpty))
                    fixed (byte* p = constant.Data.Span)
                    {
                        Assert.InRange(p - start, tensors.Offset, tensors.Offset + tensors.Length - constant.Data.Length);
                        Assert.Equal(0, (p - start) % FormatConstants.Alignment);
                    }
            }
        }
        finally
        {
            pin.Free();
            File.Delete(path);
        }
    }

    [Fact]
    public void EqualContentsAreStoredOnce()
    {
        using PackedModel model = ModelReader.Read(Bytes(SampleGraphs.ConvolutionInt8(), null));
        Tensor[] biases = [.. model.Graph.Values().Where(v => v.Name.EndsWith("bias", StringComparison.Ordinal)).Select(v => v.Constant!)];
        Assert.Equal(2, biases.Length);
        Assert.True(biases[0].Data.Equals(biases[1].Data));
    }

    [Fact]
    public void WindowsOfADisposedModelThrow()
    {
        string path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.edge");
        try
        {
            ModelWriter.Write(SampleGraphs.ConvolutionInt8(), path);
            PackedModel model = ModelReader.Open(path);
            Tensor weights = model.Graph.Nodes[0].Input(1).Constant!;
            model.Dispose();
            Assert.Throws<ObjectDisposedException>(() => weights.Data.Span[0]);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void AFailureLeavesTheOldFileAndNothingElse()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory();
        try
        {
            string path = Path.Combine(folder.FullName, "model.edge");
            ModelWriter.Write(SampleGraphs.Dense(), path);
            byte[] before = File.ReadAllBytes(path);
            Graph broken = SampleGraphs.Dense();
            broken.Outputs.Clear();
            Assert.Throws<ModelException>(() => ModelWriter.Write(broken, path));
            Graph tooLong = SampleGraphs.Dense();
            tooLong.Name = new string('n', FormatLimits.StringBytes + 1);
            Assert.Equal(FormatFault.LimitExceeded, Assert.Throws<ModelFormatException>(() => ModelWriter.Write(tooLong, path)).Fault);
            Graph notText = SampleGraphs.Dense();
            notText.Metadata["lone surrogate"] = "\ud800";
            Assert.Equal(FormatFault.InvalidText, Assert.Throws<ModelFormatException>(() => ModelWriter.Write(notText, path)).Fault);
            string directory = Directory.CreateDirectory(Path.Combine(folder.FullName, "taken")).FullName;
            Assert.ThrowsAny<Exception>(() => ModelWriter.Write(SampleGraphs.Dense(), directory));
            Assert.Equal(before, File.ReadAllBytes(path));
            Assert.Equal(2, folder.GetFileSystemInfos().Length);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    internal static (string Name, Graph Graph, ModelWriterOptions Options) Sample(string name) => SampleGraphs.All().Single(s => s.Name == name);

    internal static byte[] Bytes(Graph graph, ModelWriterOptions? options)
    {
        using MemoryStream stream = new();
        ModelWriter.Write(graph, stream, options);
        return stream.ToArray();
    }
}
