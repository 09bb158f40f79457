using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Model.Tests;

public sealed class NumpyFileTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("edge-data-");

    public void Dispose() => _folder.Delete(recursive: true);

    public static TheoryData<ElementType> WritableTypes =>
        [ElementType.Float32, ElementType.Float16, ElementType.Int8, ElementType.UInt8, ElementType.Int16, ElementType.Int32, ElementType.Int64, ElementType.Bool];

    [Theory]
    [MemberData(nameof(WritableTypes))]
    public void WhatIsSavedIsRead(ElementType type)
    {
        foreach (TensorShape shape in new TensorShape[] { new(2, 3, 5), new(7), TensorShape.Scalar, new(0, 4), new(1, 1, 1, 1, 1, 1, 1, 1) })
        {
            byte[] data = new byte[type.ByteCount(shape.ElementCount)];
            for (int i = 0; i < data.Length; i++) data[i] = (byte)(type == ElementType.Bool ? i % 2 : i * 37);
            string path = InFolder("a.npy");
            NumpyFile.Save(path, new Tensor(type, shape, data));
            Tensor read = DataFile.Load(path);
            Assert.Equal(type, read.Type);
            Assert.Equal(shape, read.Shape);
            Assert.Equal(data, read.Data.ToArray());
        }
        Assert.Equal(["a.npy"], _folder.GetFiles().Select(f => f.Name)); // no temporary file is left
    }

    /// <summary>The layout of numpy.lib.format, which pads the header to a multiple of 64; see DataFileTests for NumPy's own files.</summary>
    [Fact]
    public void FileHasNumPysLayout()
    {
        byte[] expected = Npy("{'descr': '<i2', 'fortran_order': False, 'shape': (2, 3), }", [0, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0], pad: 128);
        MemoryStream written = new();
        NumpyFile.Write(written, Tensor.From<short>(new TensorShape(2, 3), [0, 1, 2, 3, 4, 5]));
        Assert.Equal(expected, written.ToArray());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void AllFormatVersionsAreRead(byte version) =>
        Assert.Equal([1, -2], Read(Npy("{'descr': '|i1', 'fortran_order': False, 'shape': (2,), }", [1, 254], version)).ToInts());

    [Theory]
    [InlineData("{\"shape\":(2L,),\"fortran_order\":False,\"descr\":\"|i1\"}")]
    [InlineData("  { 'descr' : '|i1' , 'fortran_order' : True , 'shape' : ( 2 , ) }  ")]
    public void OtherSpellingsOfTheHeaderAreRead(string header) => Assert.Equal([1, -2], Read(Npy(header, [1, 254])).ToInts());

    [Fact]
    public void FortranOrderIsTransposed()
    {
        Tensor t = Read(Npy("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }", [0, 3, 1, 4, 2, 5]));
        Assert.Equal(new TensorShape(2, 3), t.Shape);
        Assert.Equal([0, 1, 2, 3, 4, 5], t.ToInts());
        Tensor cube = Read(Npy("{'descr': '<i2', 'fortran_order': True, 'shape': (2, 1, 2), }", [1, 0, 3, 0, 2, 0, 4, 0]));
        Assert.Equal([1, 2, 3, 4], cube.ToInts());
    }

    [Fact]
    public void WiderTypesBecomeTheNearestOfOurs()
    {
        byte[] doubles = new byte[16];
        BinaryPrimitives.WriteDoubleLittleEndian(doubles, 1.5);
        BinaryPrimitives.WriteDoubleLittleEndian(doubles.AsSpan(8), -1e300);
        Tensor t = Read(Npy("{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }", doubles));
        Assert.Equal(ElementType.Float32, t.Type);
        Assert.Equal([1.5f, float.NegativeInfinity], t.ToFloats());
        Assert.Equal([65535], Read(Npy("{'descr': '<u2', 'fortran_order': False, 'shape': (1,), }", [255, 255])).ToInts());
        Tensor large = Read(Npy("{'descr': '<u4', 'fortran_order': False, 'shape': (1,), }", [255, 255, 255, 255]));
        Assert.Equal([uint.MaxValue], large.AsSpan<long>().ToArray());
    }

    [Theory]
    [InlineData("{'descr': '>i2', 'fortran_order': False, 'shape': (1,), }")]
    [InlineData("{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }")]
    [InlineData("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }")]
    [InlineData("{'descr': [('a', '<i2')], 'fortran_order': False, 'shape': (1,), }")]
    [InlineData("{'descr': '<i2', 'fortran_order': Maybe, 'shape': (1,), }")]
    [InlineData("{'descr': '<i2', 'fortran_order': False, 'shape': (-1,), }")]
    [InlineData("{'descr': '<i2', 'fortran_order': False, 'shape': (1, 1, 1, 1, 1, 1, 1, 1, 1), }")]
    [InlineData("{'descr': '<i2', 'fortran_order': False, 'shape': (2147483647, 2147483647, 2147483647), }")]
    [InlineData("{'descr': '<i2', 'fortran_order': False, 'shape': (99999999999,), }")]
    [InlineData("{'descr': '<i2', 'fortran_order': False, 'shape': (2000000000,), }")]
    [InlineData("{'descr': '<i2', 'fortran_order': False, 'shape': (2,), }")]
    [InlineData("{'descr': '<i2', 'fortran_order': False, 'shape': (), } extra")]
    [InlineData("{'descr': '<i2', 'fortran_order': False, }")]
    [InlineData("{'descr': '', 'fortran_order': False, 'shape': (1,), }")]
    [InlineData("{'other': '<i2'}")]
    [InlineData("{'descr': '<i2")]
    [InlineData("")]
    public void BadHeadersAreRefused(string header)
    {
        ModelException e = Assert.Throws<ModelException>(() => Read(Npy(header, [1, 0])));
        Assert.Equal(ModelErrorKind.InvalidData, e.Kind);
        Assert.Contains("test.npy", e.Message);
    }

    [Fact]
    public void BooleansMustBeZeroOrOne() =>
        Assert.Throws<ModelException>(() => Read(Npy("{'descr': '|b1', 'fortran_order': False, 'shape': (1,), }", [2])));

    [Fact]
    public void DamagedFilesGiveOnlyTypedErrors()
    {
        MemoryStream stream = new();
        NumpyFile.Write(stream, Tensor.From<float>(new TensorShape(3, 2), [1, 2, 3, 4, 5, 6]));
        byte[] original = stream.ToArray();
        Random random = new(1);
        int refused = 0;
        for (int i = 0; i < 20000; i++)
        {
            byte[] data = [.. original];
            for (int k = random.Next(3); k >= 0; k--) data[random.Next(data.Length)] = (byte)random.Next(256);
            if (random.Next(4) == 0) data = data[..random.Next(data.Length)];
            try
            {
                Read(data);
            }
            catch (ModelException)
            {
                refused++;
            }
        }
        Assert.InRange(refused, 5000, 19999);
    }

    [Theory]
    [InlineData(CompressionLevel.NoCompression)]
    [InlineData(CompressionLevel.Optimal)]
    public void ArchivesAreReadByName(CompressionLevel level)
    {
        string path = InFolder("a.npz");
        Tensor x = Tensor.From<float>(new TensorShape(100, 4), new float[400]), y = Tensor.Vector<long>(1, 2, 3);
        SaveArchive(path, level, ("x.npy", x), ("y.npy", y));
        IReadOnlyList<KeyValuePair<string, Tensor>> read = DataFile.LoadAll(path);
        Assert.Equal(["x", "y"], read.Select(a => a.Key));
        Assert.Equal(x.Shape, read[0].Value.Shape);
        Assert.Equal([1, 2, 3], read[1].Value.ToInts());
        Assert.Contains("x, y", Assert.Throws<ModelException>(() => DataFile.Load(path)).Message);
    }

    [Fact]
    public void DamagedArchivesGiveOnlyTypedErrors()
    {
        string path = InFolder("a.npz");
        SaveArchive(path, CompressionLevel.Optimal, ("x.npy", Tensor.From<float>(new TensorShape(10, 4), new float[40])));
        byte[] original = File.ReadAllBytes(path);
        Random random = new(2);
        int refused = 0;
        for (int i = 0; i < 2000; i++)
        {
            byte[] data = [.. original];
            data[random.Next(data.Length)] = (byte)random.Next(256);
            if (random.Next(4) == 0) data = data[..random.Next(data.Length)];
            File.WriteAllBytes(path, data);
            try
            {
                DataFile.LoadAll(path);
            }
            catch (ModelException)
            {
                refused++;
            }
        }
        Assert.InRange(refused, 500, 1999);
    }

    [Fact]
    public void RawFilesHoldWholeSamples()
    {
        string path = InFolder("x.bin");
        File.WriteAllBytes(path, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
        Assert.Equal(new TensorShape(3, 4), DataFile.Load(path, ElementType.Int8, new TensorShape(1, 4)).Shape);
        Assert.Equal(new TensorShape(6, 2), DataFile.Load(path, ElementType.Int8, new TensorShape(2, 2)).Shape);
        Assert.Equal(0x04030201, DataFile.Load(path, ElementType.Int32, new TensorShape(3)).ToInts()[0]);
        Assert.Throws<ModelException>(() => DataFile.Load(path, ElementType.Int8, new TensorShape(5)));
        Assert.Throws<ModelException>(() => DataFile.Load(path, ElementType.Int8, new TensorShape(0)));
        Assert.Throws<ModelException>(() => DataFile.Load(path));
        Assert.Throws<ModelException>(() => DataFile.Load(InFolder("x.jpg")));
    }

    [Theory]
    [InlineData("a.csv", "tst_7_Stop_7,7\ntst_Left,2\n\n", new[] { 7, 2 })]
    [InlineData("a.csv", "index,id,person,area\n0,000000000139,1,0.0269\r\n1,12,0,0.5\r\n", new[] { 1, 0 })]
    [InlineData("a.txt", "3\n-1\n 4 ", new[] { 3, -1, 4 })]
    public void LabelsAreTheLastIntegerOfALine(string file, string text, int[] labels)
    {
        File.WriteAllText(InFolder(file), text);
        Assert.Equal(labels, LabelFile.Load(InFolder(file)));
    }

    [Fact]
    public void LabelsNeedAnIntegerInEveryLine()
    {
        File.WriteAllText(InFolder("a.csv"), "a,1\nb\n");
        Assert.Contains("line 2", Assert.Throws<ModelException>(() => LabelFile.Load(InFolder("a.csv"))).Message);
        File.WriteAllText(InFolder("a.csv"), "name,class\n");
        Assert.Throws<ModelException>(() => LabelFile.Load(InFolder("a.csv")));
    }

    [Fact]
    public void LabelArraysAreVectorsOfIntegers()
    {
        string path = InFolder("y.npy");
        NumpyFile.Save(path, Tensor.From<long>(new TensorShape(2, 1), [4, 5]));
        Assert.Equal([4, 5], LabelFile.Load(path));
        foreach (Tensor wrong in new[] { Tensor.Vector(1.5f), Tensor.Vector(1L << 40), Tensor.From<int>(new TensorShape(1, 2), [1, 2]) })
        {
            NumpyFile.Save(path, wrong);
            Assert.Throws<ModelException>(() => LabelFile.Load(path));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void IdxFilesAreRead(bool packed)
    {
        string images = Idx("t-images-idx3-ubyte", packed, [0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 255]);
        Tensor read = DataFile.Load(images);
        Assert.Equal(new TensorShape(1, 2, 2), read.Shape);
        Assert.Equal([1, 2, 3, 255], read.ToInts());
        Assert.Equal([258], LabelFile.Load(Idx("t-labels-idx1", packed, [0, 0, 11, 1, 0, 0, 0, 1, 1, 2])));
        Assert.Equal([1f], DataFile.Load(Idx("f-idx1", packed, [0, 0, 14, 1, 0, 0, 0, 1, 0x3F, 0xF0, 0, 0, 0, 0, 0, 0])).ToFloats());
        Assert.Throws<ModelException>(() => DataFile.Load(Idx("u-idx1", packed, [0, 0, 8, 1, 127, 255, 255, 255, 1])));
        Assert.Throws<ModelException>(() => DataFile.Load(Idx("v-idx1", packed, [0, 0, 8, 1, 0, 0, 0, 2, 1])));
        Assert.Throws<ModelException>(() => DataFile.Load(Idx("w-idx1", packed, [0, 0, 8, 1, 0, 0, 0, 1, 1, 1])));
        Assert.Throws<ModelException>(() => DataFile.Load(Idx("x-idx1", packed, [0, 1, 8, 1, 0, 0, 0, 1, 1])));
    }

    private string InFolder(string name) => Path.Combine(_folder.FullName, name);

    private string Idx(string name, bool packed, byte[] contents)
    {
        string path = InFolder(name + (packed ? ".gz" : ""));
        using Stream stream = packed ? new GZipStream(File.Create(path), CompressionLevel.Optimal) : File.Create(path);
        stream.Write(contents);
        return path;
    }

    private static void SaveArchive(string path, CompressionLevel level, params (string Name, Tensor Tensor)[] arrays)
    {
        using ZipArchive archive = ZipFile.Open(path, ZipArchiveMode.Create);
        foreach (var (name, tensor) in arrays)
        {
            using Stream entry = archive.CreateEntry(name, level).Open();
            NumpyFile.Write(entry, tensor);
        }
    }

    private static Tensor Read(byte[] file) => NumpyFile.Read(new MemoryStream(file), file.Length, "test.npy");

    private static byte[] Npy(string header, byte[] elements, byte version = 1, int pad = 0)
    {
        int prefix = version == 1 ? 10 : 12;
        header = header.PadRight(Math.Max(pad - prefix - 1, header.Length)) + "\n";
        byte[] size = new byte[prefix - 8];
        size[0] = (byte)header.Length;
        return [0x93, .. "NUMPY"u8, version, 0, .. size, .. Encoding.UTF8.GetBytes(header), .. elements];
    }
}
