using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using Xunit;

namespace EdgeRuntime.Compressor.Tests;

/// <summary>The data files of real sets, as NumPy and others wrote them.</summary>
public sealed class DataFileTests
{
    [SkippableTheory]
    [InlineData("data", "hand-gesture-sequences", "keypoint_test_x.npy")]
    [InlineData("data", "hand-gesture-sequences", "keypoint_test_y.npy")]
    [InlineData("data", "fan-vibration", "samples.npy")]
    [InlineData("models", "golden", "micro-speech-int8", "in_x.npy")]
    public void NumPysFilesAreWrittenAsTheyWere(params string[] parts)
    {
        string path = SharedFiles.Path(parts);
        MemoryStream written = new();
        NumpyFile.Write(written, NumpyFile.Load(path));
        Assert.Equal(File.ReadAllBytes(path), written.ToArray());
    }

    [SkippableFact]
    public void KeywordDataFit()
    {
        Tensor inputs = DataFile.Load(SharedFiles.Path("data", "mlperf-tiny-kws", "kws01_mfcc_int8_1000x49x10.bin"), ElementType.Int8, new TensorShape(1, 49, 10, 1));
        Assert.Equal(new TensorShape(1000, 49, 10, 1), inputs.Shape);
        int[] labels = LabelFile.Load(SharedFiles.Path("data", "mlperf-tiny-kws", "labels.csv"));
        Assert.Equal(1000, labels.Length);
        Assert.Equal([7, 2, 6], labels[..3]);
        Assert.All(labels, l => Assert.InRange(l, 0, 11));
    }

    [SkippableFact]
    public void LabelsWithAHeadingFitTheirImages()
    {
        int[] labels = LabelFile.Load(SharedFiles.Path("data", "coco-person", "test_labels.csv"));
        Assert.Equal(72, labels.Length);
        Assert.Equal(41, labels.Sum());
    }

    [SkippableFact]
    public void PackedIdxFilesAreRead()
    {
        Tensor images = DataFile.Load(SharedFiles.Path("data", "mnist-10k", "test-images-idx3-ubyte.gz"));
        Assert.Equal(new TensorShape(1000, 28, 28), images.Shape);
        int[] labels = LabelFile.Load(SharedFiles.Path("data", "mnist-10k", "test-labels-idx1-ubyte.gz"));
        Assert.Equal(1000, labels.Length);
        Assert.All(labels, l => Assert.InRange(l, 0, 9));
    }
}
