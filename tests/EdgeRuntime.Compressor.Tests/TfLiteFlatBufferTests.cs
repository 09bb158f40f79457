using Xunit;

namespace EdgeRuntime.Compressor.Tests;

/// <summary>The FlatBuffers reader on buffers laid out by hand.</summary>
public sealed class TfLiteFlatBufferTests
{
    /// <summary>
    /// Bytes 8..20 vtable (4 fields: int at 4, vector at 8, text at 12, absent), 20..36 table, 36..48 vector [5, −6],
    /// 48..54 text "hi", 54..58 the absent rest.
    /// </summary>
    private static byte[] Sample() =>
    [
        20, 0, 0, 0, (byte)'T', (byte)'E', (byte)'S', (byte)'T',
        12, 0, 16, 0, 4, 0, 8, 0, 12, 0, 0, 0,
        12, 0, 0, 0, 42, 0, 0, 0, 8, 0, 0, 0, 16, 0, 0, 0,
        2, 0, 0, 0, 5, 0, 0, 0, 250, 255, 255, 255,
        2, 0, 0, 0, (byte)'h', (byte)'i', 0, 0,
    ];

    [Fact]
    public void FieldsAreRead()
    {
        FlatTable root = Root(Sample());
        Assert.Equal(42, root.Scalar<int>(0));
        Assert.Equal([5, -6], root.Scalars<int>(1));
        Assert.Equal("hi", root.Text(2));
    }

    [Fact]
    public void AbsentFieldsGiveTheirFallback()
    {
        FlatTable root = Root(Sample());
        Assert.Equal(7, root.Scalar(3, 7));
        Assert.Equal(9, root.Scalar(100, 9));
        Assert.Empty(root.Scalars<float>(3));
        Assert.Equal("", root.Text(3));
        Assert.Null(root.Table(3));
        Assert.Empty(root.Tables(50));
    }

    [Theory]
    [InlineData(0, 250, 0)] // the root offset leaves the file
    [InlineData(20, 60, 0)] // the vtable lies before the file
    [InlineData(8, 3, 0)] // a vtable shorter than its header
    [InlineData(8, 200, 0)] // a vtable beyond the end
    [InlineData(10, 200, 0)] // a table beyond the end
    [InlineData(12, 14, 0)] // field 0 straddles the end of the table
    [InlineData(12, 2, 0)] // field 0 in the table's header
    [InlineData(28, 100, 1)] // the vector's offset leaves the file
    [InlineData(36, 200, 1)] // more elements than bytes
    [InlineData(39, 128, 1)] // 2^31 elements, whose bytes overflow 32 bits
    [InlineData(48, 100, 2)] // a text longer than the file
    public void BadOffsetsAreRefused(int at, byte value, int field)
    {
        byte[] data = Sample();
        data[at] = value;
        FlatBufferException e = Assert.Throws<FlatBufferException>(() =>
        {
            FlatTable root = Root(data);
            _ = field switch { 0 => root.Scalar<int>(0), 1 => root.Scalars<int>(1).Length, _ => root.Text(2).Length };
        });
        Assert.Contains("sample.bin", e.Message);
    }

    [Fact]
    public void AnotherIdentifierIsRefused() =>
        Assert.Equal(4, Assert.Throws<FlatBufferException>(() => new FlatBuffer(Sample(), "sample.bin").Root("TFL3")).Offset);

    [Fact]
    public void EndlessReadingOfOnePartIsRefused()
    {
        FlatTable root = Root(Sample());
        Assert.Throws<FlatBufferException>(() =>
        {
            for (int i = 0; i < 10_000_000; i++) root.Scalars<int>(1);
        });
    }

    private static FlatTable Root(byte[] data) => new FlatBuffer(data, "sample.bin").Root("TEST");
}
