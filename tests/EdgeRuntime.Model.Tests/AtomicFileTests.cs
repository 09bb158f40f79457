namespace EdgeRuntime.Model.Tests;

public sealed class AtomicFileTests
{
    [Fact]
    public void FilesAreReplacedWholeOrNotAtAll()
    {
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            AtomicFile.Write(path, s => s.Write([1, 2, 3]));
            Assert.Throws<InvalidOperationException>(() => AtomicFile.Write(path, s =>
            {
                s.WriteByte(9);
                throw new InvalidOperationException();
            }));
            Assert.Equal([1, 2, 3], File.ReadAllBytes(path));
            Assert.Single(Directory.GetFiles(Path.GetTempPath(), Path.GetFileName(path) + "*"));
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <summary>Root could put a file in the place of a device.</summary>
    [Fact]
    public void DevicesAreWrittenTo()
    {
        if (!File.Exists("/dev/full")) return;
        Assert.Throws<IOException>(() => AtomicFile.Write("/dev/full", s => s.Write(new byte[10])));
        AtomicFile.Write("/dev/null", s => s.WriteByte(1));
        Assert.Empty(File.ReadAllBytes("/dev/null"));
    }
}
