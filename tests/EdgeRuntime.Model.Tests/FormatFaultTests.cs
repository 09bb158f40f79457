using System.Buffers.Binary;
using System.Text;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Model.Tests;

/// <summary>Each fault by a file made for it, with its place.</summary>
public sealed class FormatFaultTests
{
    // One string "x"; a graph of that name with a float scalar x that is its input and its output.
    private static readonly RawSection Strings = new(SectionId.Strings, 1, 1, (byte)'x');
    private static readonly byte[] Float = [0, 1, 0, 0, 0];

    private static byte[] GraphOf(byte[]? quantizations = null, byte[]? value = null, byte[]? nodes = null, byte[]? tail = null) =>
        [0, .. quantizations ?? [0], 1, .. value ?? Float, .. nodes ?? [0], .. tail ?? [1, 0, 1, 0]];

    private static byte[] File(byte[] graph, params RawSection[] more) => FileForge.Build([Strings, new RawSection(SectionId.Graph, graph), .. more]);

    private static byte[] Sound => File(GraphOf());

    [Fact]
    public void TheFileThatTheOthersAreMadeFromIsSound()
    {
        using PackedModel model = ModelReader.Read(Sound);
        Assert.Equal("x", Assert.Single(model.Graph.Inputs).Name);
    }

    [Fact]
    public void HeaderFaults()
    {
        Expect(FormatFault.NotAModel, null, 0, []);
        Expect(FormatFault.NotAModel, null, 0, Encoding.ASCII.GetBytes("no model"));
        Expect(FormatFault.Truncated, null, 5, Sound[..5]);
        Expect(FormatFault.Truncated, null, 63, Sound[..63]);
        Expect(FormatFault.Truncated, null, 16, Sound[..^1]);
        Expect(FormatFault.TrailingData, null, 16, [.. Sound, 0]);
        Expect(FormatFault.UnsupportedVersion, null, 14, Header(f => (f[8], f[12]) = (2, 2)));
        Expect(FormatFault.UnsupportedVersion, null, 14, Header(f => f[10] = f[14] = (byte)(FormatConstants.Version.Minor + 1)));
        Expect(FormatFault.InvalidHeader, null, 14, Header(f => f[8] = 0));
        Expect(FormatFault.InvalidHeader, null, 28, Header(f => f[28] = 1));
        Expect(FormatFault.InvalidHeader, null, 48, Header(f => f[63] = 1));
        Expect(FormatFault.InvalidHeader, null, 32, Change(Sound, f => f[32] ^= 1));
        Expect(FormatFault.InvalidHeader, null, 32, Change(Sound, f => f[FileForge.Header + 24] ^= 1));
        Expect(FormatFault.LimitExceeded, null, 24, Header(f => f[FileForge.CountAt] = 0));
        Expect(FormatFault.LimitExceeded, null, 24, Header(f => f[FileForge.CountAt] = FormatLimits.Sections + 1));
        Expect(FormatFault.LimitExceeded, null, 16, Header(f => BinaryPrimitives.WriteUInt64LittleEndian(f.AsSpan(16), ulong.MaxValue)));
        Expect(FormatFault.Truncated, null, 24, Header(f => f[FileForge.CountAt] = FormatLimits.Sections));
    }

    [Fact]
    public void ANewerFileThatOldReadersUnderstandIsRead()
    {
        using PackedModel model = ModelReader.Read(Header(f => (f[8], f[10]) = (7, 3)));
        Assert.Equal(new FormatVersion(7, 3), model.Header.Version);
    }

    [Fact]
    public void TableFaults()
    {
        RawSection unknown = new(99, 1, [1, 2, 3]);
        Expect(FormatFault.UnknownSection, null, 64 + 128 + 4, File(GraphOf(), unknown));
        using (PackedModel skipped = ModelReader.Read(File(GraphOf(), unknown with { Flags = 0 }))) Assert.Equal(3, skipped.Header.Sections.Count);
        using (PackedModel signed = ModelReader.Read(File(GraphOf(), new RawSection(SectionId.Signature, 1, 2, 3)))) Assert.NotNull(signed.Header.Find(SectionId.Signature));
        Expect(FormatFault.InvalidTable, null, 64 + 4, Entry(0, 4, 2));
        Expect(FormatFault.InvalidTable, null, 64 + 56, Entry(0, 56, 1));
        Expect(FormatFault.InvalidTable, null, 64 + 8, Entry(0, 8, 1));
        Expect(FormatFault.InvalidTable, null, 64 + 56 + 64, FileForge.Build(Strings, Strings));
        Expect(FormatFault.SectionOverlap, null, 64 + 56, Entry(0, 8, 64));
        Expect(FormatFault.SectionOverlap, null, 64 + 64 + 56, Header(f => f.AsSpan(64 + 8, 8).CopyTo(f.AsSpan(64 + 64 + 8))));
        Expect(FormatFault.SectionOutOfFile, null, 64 + 64 + 16, Entry(1, 16, 200));
        Expect(FormatFault.SectionOutOfFile, null, 64 + 16, Header(f => f.AsSpan(64 + 16, 8).Fill(0xFF)));
        Expect(FormatFault.TrailingData, null, Sound.Length - 1, Header(f => f[64 + 64 + 16]--));
        Expect(FormatFault.InvalidTable, null, 64 + 64 + 56, Header(f => f[64 + 128 + 3] = 1));
        Expect(FormatFault.MissingSection, SectionId.Graph, 0, FileForge.Build(Strings));
        Expect(FormatFault.MissingSection, SectionId.Strings, 0, FileForge.Build(new RawSection(SectionId.Graph, GraphOf())));
    }

    [Fact]
    public void ADamagedSection()
    {
        byte[] damaged = Change(Sound, f => f[^1] ^= 1);
        Expect(FormatFault.HashMismatch, SectionId.Graph, 64 + 128 + 64, damaged);
        ModelFormatException e = Assert.Throws<ModelFormatException>(() => ModelReader.Read(damaged, new ReaderOptions(VerifyHashes: false)));
        Assert.Equal(FormatFault.InvalidReference, e.Fault);
    }

    [Fact]
    public void StringAndMetadataFaults()
    {
        RawSection graph = new(SectionId.Graph, GraphOf());
        Expect(FormatFault.InvalidText, SectionId.Strings, null, FileForge.Build(new RawSection(SectionId.Strings, 1, 1, 0xFF), graph));
        Expect(FormatFault.LimitExceeded, SectionId.Strings, null, FileForge.Build(new RawSection(SectionId.Strings, 1, 2, (byte)'x'), graph));
        Expect(FormatFault.LimitExceeded, SectionId.Strings, null, FileForge.Build(new RawSection(SectionId.Strings, 0xFF, 0xFF, 0xFF, 0x7F), graph));
        Expect(FormatFault.Malformed, SectionId.Strings, null, FileForge.Build(new RawSection(SectionId.Strings, 1, 1, (byte)'x', 0), graph));
        Expect(FormatFault.Malformed, SectionId.Metadata, null, File(GraphOf(), new RawSection(SectionId.Metadata, 2, 1, (byte)'b', 0, 1, (byte)'a', 0)));
        Expect(FormatFault.Malformed, SectionId.Metadata, null, File(GraphOf(), new RawSection(SectionId.Metadata, 2, 1, (byte)'b', 0, 1, (byte)'b', 0)));
        Expect(FormatFault.InvalidText, SectionId.Metadata, null, File(GraphOf(), new RawSection(SectionId.Metadata, 1, 1, (byte)'b', 2, 0xC0, 0x80)));
    }

    [Fact]
    public void NumberFaults()
    {
        Expect(FormatFault.Malformed, SectionId.Graph, null, File([]));
        Expect(FormatFault.Malformed, SectionId.Graph, null, File([0x80, 0x00]));
        Expect(FormatFault.Malformed, SectionId.Graph, null, File([.. Enumerable.Repeat((byte)0xFF, 12)]));
        Expect(FormatFault.Malformed, SectionId.Graph, null, File([.. GraphOf(), 0]));
        Expect(FormatFault.Malformed, SectionId.Graph, null, File([0]));
        Expect(FormatFault.LimitExceeded, SectionId.Graph, null, File([0, 0, 1, .. Float, 0, 1]));
    }

    [Fact]
    public void ValueFaults()
    {
        byte[] Constant(byte type, byte place) => [0, type, 1, 2, 0, 1, place];
        RawSection tensors = new(SectionId.Tensors, 2, 0);
        Expect(FormatFault.InvalidTensor, SectionId.Graph, null, File(GraphOf(value: [0, 99, 0, 0, 0])));
        Expect(FormatFault.InvalidTensor, SectionId.Graph, null, File(GraphOf(value: [0, 1, 0, 0, 99])));
        Expect(FormatFault.InvalidTensor, SectionId.Graph, null, File(GraphOf(value: Constant(3, 0))));
        Expect(FormatFault.InvalidTensor, SectionId.Graph, null, File(GraphOf(value: Constant(3, 1)), tensors));
        Expect(FormatFault.InvalidTensor, SectionId.Graph, null, File(GraphOf(value: Constant(5, 0)), tensors));
        Expect(FormatFault.InvalidTensor, SectionId.Graph, null, File(GraphOf(value: Constant(8, 0)), tensors));
        using (PackedModel sound = ModelReader.Read(File(GraphOf(value: Constant(3, 0), tail: [0, 1, 0]), tensors)))
            Assert.Equal([2, 0], sound.Graph.Outputs[0].Constant!.Data.ToArray());
        Expect(FormatFault.LimitExceeded, SectionId.Graph, null, File(GraphOf(value: [0, 1, 9, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0])));
        // 0 × 2^30 × 4 has no elements, but its parts have too many.
        Expect(FormatFault.InvalidTensor, SectionId.Graph, null, File(GraphOf(value: [0, 1, 3, 0, 0x80, 0x80, 0x80, 0x80, 4, 4, 0, 0])));
        Expect(FormatFault.InvalidReference, SectionId.Graph, null, File(GraphOf(value: [1, 1, 0, 0, 0])));
        Expect(FormatFault.InvalidReference, SectionId.Graph, null, File(GraphOf(value: [0, 1, 0, 1, 0])));
        Expect(FormatFault.InvalidReference, SectionId.Graph, null, File(GraphOf(tail: [1, 1, 1, 0])));
        Expect(FormatFault.LimitExceeded, SectionId.Graph, null, File([0, 0, 0x80, 0x80, 0x40, .. Float]));
    }

    [Fact]
    public void SparseFaults()
    {
        // Int8 [2, 4]; the elements 1 and 5.
        byte[] gaps = [2, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 0b_11_11_01, 0, 0, 0, 7, 9];
        static RawSection Tensors(params byte[] bytes) => new(SectionId.Tensors, bytes);
        static byte[] Value(byte encoding, byte[] sides, int bytes, byte type = 3) => GraphOf(value: [0, type, 2, 2, 4, 0, encoding, .. sides, (byte)bytes, 0], tail: [0, 1, 0]);
        byte[] FileOf(byte encoding, byte[] sides, byte[] contents, byte type = 3) => File(Value(encoding, sides, contents.Length, type), Tensors(contents));
        void Bad(byte encoding, byte[] sides, byte[] contents) => Expect(FormatFault.InvalidTensor, SectionId.Graph, null, FileOf(encoding, sides, contents));
        byte[] With(byte[] contents, int at, byte value) => [.. contents[..at], value, .. contents[(at + 1)..]];

        // 1, then 3 skipped and none stored; then 3 skipped again, to 8: the end, one present short.
        Bad(2, [], gaps);
        gaps[12] = 0b_11_11_01;
        gaps[0] = 1;
        Bad(2, [], gaps);
        byte[] sound = [.. gaps[..^1]];
        using (PackedModel model = ModelReader.Read(FileOf(2, [], sound)))
        {
            Assert.Equal([0, 7, 0, 0, 0, 0, 0, 0], model.Graph.Outputs[0].Constant!.Data.ToArray());
            Assert.Equal(Sparsity.Unstructured, model.Graph.Outputs[0].Sparsity);
        }
        for (int i = 0; i < sound.Length; i++) Bad(2, [], sound[..i]);
        Bad(2, [], [.. sound, 0]);
        Bad(2, [], With(sound, 8, 0));
        Bad(2, [], With(sound, 8, 9));
        Bad(2, [], With(sound, 9, 1));
        Bad(2, [], With(sound, 4, 9));
        Bad(2, [], With(sound, 7, 255));
        Bad(2, [], With(sound, 12, 0b_01_11_11_01));
        Bad(2, [], With(sound, 13, 1));
        Bad(2, [], With(sound, 12, 0b_11_11_11));
        Expect(FormatFault.InvalidTensor, SectionId.Graph, null, FileOf(2, [], sound, type: 6));
        foreach (byte[] sides in (byte[][])[[0, 4], [1, 1], [17, 1], [4, 0]]) Bad(4, sides, sound);
        // Blocks of 1×4: the second of two.
        byte[] block = [1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 5, 6, 7, 8];
        using (PackedModel model = ModelReader.Read(FileOf(4, [1, 4], block))) Assert.Equal([0, 0, 0, 0, 5, 6, 7, 8], model.Graph.Outputs[0].Constant!.Data.ToArray());
        Bad(4, [1, 4], With(block, 12, 2));
        Bad(4, [1, 4], block[..^1]);
        // 1:4: the elements 3 and 0 of the rows.
        byte[] places = [3, 0, 0, 0, 7, 9];
        using (PackedModel model = ModelReader.Read(FileOf(3, [1, 4], places))) Assert.Equal([0, 0, 0, 7, 9, 0, 0, 0], model.Graph.Outputs[0].Constant!.Data.ToArray());
        Bad(3, [1, 4], With(places, 0, 0x13));
        Bad(3, [1, 4], places[..^1]);
        Bad(3, [1, 4], [.. places, 0]);
        Bad(3, [1, 3], places);
        foreach (byte[] sides in (byte[][])[[0, 4], [4, 4], [1, 17]]) Bad(3, sides, places);
        // 2:4 with places that don't ascend.
        Bad(3, [2, 4], [0b_01_00_00_01, 0, 0, 0, 1, 2, 3, 4]);
        // More elements than the limit, in few bytes.
        Expect(FormatFault.LimitExceeded, SectionId.Graph, null,
            File(GraphOf(value: [0, 1, 2, 4, 0x80, 0x80, 0x80, 0x20, 0, 2, 17, 0], tail: [0, 1, 0]), Tensors(sound)));
    }

    [Fact]
    public void SparseContentsMustFitTheirPattern()
    {
        Graph graph = new("x");
        graph.Outputs.Add(new ValueInfo("w", Tensor.From<sbyte>(new TensorShape(1, 4), [1, 2, 3, 0])) { Sparsity = Sparsity.Parse("2:4") });
        ModelFormatException e = Assert.Throws<ModelFormatException>(() => PackedFormatTests.Bytes(graph, null));
        Assert.Contains("2:4", e.Message, StringComparison.Ordinal);
        graph.Outputs[0].Sparsity = new Sparsity(SparsityKind.NM, 4, 4);
        Assert.Throws<ModelException>(() => PackedFormatTests.Bytes(graph, null));
        foreach (string bad in (string[])["", "4", "2:2", "0:4", "1x1", "17x1", "axb", "1x2x3", "-1x4"]) Assert.Throws<FormatException>(() => Sparsity.Parse(bad));
    }

    [Fact]
    public void ZerosTakeNoPlace()
    {
        // 1000 × 1000 bytes, 2 % of them other than 0; 1×4 blocks, 25 % present; 2:4.
        Assert.InRange(Stored("unstructured", ElementType.Int8, 50), 20_000, 36_000);
        Assert.InRange(Stored("1x4", ElementType.Int8, 4), 250_000, 310_000);
        Assert.InRange(Stored("2:4", ElementType.Int8, 1), 500_000, 626_000);
        Assert.InRange(Stored("unstructured", ElementType.Float32, 5), 800_000, 960_000);

        static long Stored(string pattern, ElementType type, int step)
        {
            Graph graph = new("x");
            graph.Outputs.Add(SampleGraphs.SparseConstant("w", type, new TensorShape(1000, 1000), Sparsity.Parse(pattern), step));
            return PackedFormatTests.Bytes(graph, null).Length;
        }
    }

    [Fact]
    public void QuantizationFaults()
    {
        byte[] Of(float scale, params byte[] zeros) => [1, 0, 0, 1, .. BitConverter.GetBytes(scale), .. zeros];
        byte[] value = [0, 3, 0, 1, 0];
        using (PackedModel sound = ModelReader.Read(File(GraphOf(Of(0.5f, 1, 3), value)))) Assert.Equal(-2, sound.Graph.Inputs[0].Quantization!.ZeroPoint);
        foreach (float bad in (float[])[0, -0f, -1, float.NaN, float.PositiveInfinity])
            Expect(FormatFault.InvalidQuantization, SectionId.Graph, null, File(GraphOf(Of(bad, 0), value)));
        Expect(FormatFault.InvalidQuantization, SectionId.Graph, null, File(GraphOf([1, 0, 0, 0, 0, 0, 0, 0, 0], value)));
        Expect(FormatFault.LimitExceeded, SectionId.Graph, null, File(GraphOf(Of(1, 2, 0, 0), value)));
        Expect(FormatFault.LimitExceeded, SectionId.Graph, null, File(GraphOf([1, 9, .. Of(1, 0)[2..]], value)));
        // Zero point 128 does not fit Int8: a rule of the IR.
        Expect(FormatFault.InvalidGraph, SectionId.Graph, null, File(GraphOf(Of(1, 1, 0x80, 2), value)));
    }

    [Fact]
    public void NodeFaults()
    {
        // y = softmax(x) over axis -1.
        RawSection strings = new(SectionId.Strings, 3, 1, (byte)'x', 1, (byte)'y', 4, (byte)'a', (byte)'x', (byte)'i', (byte)'s');
        byte[] FileOf(params byte[] node) => FileForge.Build(strings,
            new RawSection(SectionId.Graph, [0, 0, 2, 0, 1, 1, 4, 0, 0, 1, 1, 1, 4, 0, 0, 1, .. node, 1, 0, 1, 1]));
        using (PackedModel sound = ModelReader.Read(FileOf(10, 1, 1, 1, 1, 1, 1, 2, 0, 1))) Assert.Equal(-1, sound.Graph.Nodes[0].Attributes.Int("axis"));
        Expect(FormatFault.InvalidGraph, SectionId.Graph, null, FileOf(99, 1, 1, 1, 1, 1, 0));
        Expect(FormatFault.InvalidGraph, SectionId.Graph, null, FileOf(10, 1, 1, 1, 1, 1, 0));
        Expect(FormatFault.InvalidGraph, SectionId.Graph, null, FileOf(10, 1, 1, 0, 1, 1, 1, 2, 0, 1));
        Expect(FormatFault.InvalidGraph, SectionId.Graph, null, FileOf(10, 1, 1, 1, 1, 1, 1, 2, 0, 4));
        Expect(FormatFault.InvalidGraph, SectionId.Graph, null, FileOf(10, 1, 1, 1, 1, 1, 1, 2, 3, 0));
        Expect(FormatFault.Malformed, SectionId.Graph, null, FileOf(10, 1, 1, 1, 1, 1, 1, 2, 4, 0));
        Expect(FormatFault.Malformed, SectionId.Graph, null, FileOf(10, 1, 1, 1, 1, 1, 2, 2, 0, 1, 2, 0, 1));
        Expect(FormatFault.Malformed, SectionId.Graph, null, FileOf(10, 1, 1, 1, 1, 1, 1, 2, 0, 0x80, 0x80, 0x80, 0x80, 0x10));
        Expect(FormatFault.InvalidReference, SectionId.Graph, null, FileOf(10, 1, 1, 3, 1, 1, 0));
        Expect(FormatFault.LimitExceeded, SectionId.Graph, null, FileOf(0x80, 0x80, 4, 1, 1, 1, 1, 1, 0));
        // The graph's output is its input now, and nothing uses the second value.
        Expect(FormatFault.InvalidReference, SectionId.Graph, null, FileForge.Build(strings,
            new RawSection(SectionId.Graph, 0, 0, 2, 0, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0, 1, 0)));
    }

    [Fact]
    public void PayloadFaults()
    {
        byte[] panel = [1, 0, 0, .. new byte[32], 1];
        byte[] padding = new byte[64 - panel.Length];
        using (PackedModel sound = ModelReader.Read(File(GraphOf(), new RawSection(SectionId.Prepacked, [.. panel, .. padding, 7]))))
            Assert.Equal([7], sound.FindPanel("x", "x", new byte[32])!.Data.ToArray());
        Expect(FormatFault.InvalidTensor, SectionId.Prepacked, null, File(GraphOf(), new RawSection(SectionId.Prepacked, [.. panel, .. padding])));
        Expect(FormatFault.Malformed, SectionId.Prepacked, null, File(GraphOf(), new RawSection(SectionId.Prepacked, [.. panel, .. padding, 7, 8])));
        padding[3] = 1;
        Expect(FormatFault.Malformed, SectionId.Prepacked, null, File(GraphOf(), new RawSection(SectionId.Prepacked, [.. panel, .. padding, 7])));
        Expect(FormatFault.LimitExceeded, SectionId.Prepacked, null, File(GraphOf(), new RawSection(SectionId.Prepacked, [2, .. panel[1..]])));
        Expect(FormatFault.LimitExceeded, SectionId.Golden, null, File(GraphOf(), new RawSection(SectionId.Golden, [3, .. new byte[63 + 68]])));
        using PackedModel golden = ModelReader.Read(File(GraphOf(), new RawSection(SectionId.Golden, [1, .. new byte[63], 1, 2, 3, 4, .. new byte[60], 5, 6, 7, 8])));
        Assert.Equal([5, 6, 7, 8], golden.Golden[0].Outputs[0].Data.ToArray());
    }

    [Fact]
    public void TheMessageNamesTheFile()
    {
        string path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.edge");
        try
        {
            System.IO.File.WriteAllBytes(path, Sound[..^1]);
            Assert.Contains(Path.GetFileName(path), Assert.Throws<ModelFormatException>(() => ModelReader.Open(path)).Message, StringComparison.Ordinal);
            System.IO.File.WriteAllBytes(path, []);
            Assert.Equal(FormatFault.NotAModel, Assert.Throws<ModelFormatException>(() => ModelReader.Open(path)).Fault);
        }
        finally
        {
            System.IO.File.Delete(path);
        }
        Assert.Throws<FileNotFoundException>(() => ModelReader.Open(path));
    }

    private static byte[] Header(Action<byte[]> change)
    {
        byte[] file = Change(Sound, change);
        FileForge.Rehash(file);
        return file;
    }

    private static byte[] Entry(int index, int at, byte value) => Header(f => f[FileForge.Header + index * FileForge.Entry + at] = value);

    private static byte[] Change(byte[] file, Action<byte[]> change)
    {
        change(file);
        return file;
    }

    private static void Expect(FormatFault fault, SectionId? section, long? offset, byte[] file)
    {
        ModelFormatException e = Assert.Throws<ModelFormatException>(() => ModelReader.Read(file));
        Assert.True(e.Fault == fault, $"{fault} expected: {e.Fault}, {e.Message}");
        Assert.Equal(section, e.Section);
        Assert.Equal(ModelErrorKind.InvalidFile, e.Kind);
        if (offset is { } at) Assert.Equal(at, e.Offset);
        Assert.InRange(e.Offset, 0, file.Length);
    }
}
