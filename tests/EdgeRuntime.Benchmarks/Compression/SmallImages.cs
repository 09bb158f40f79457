using EdgeRuntime.Model;
using EdgeRuntime.TestSupport;

namespace EdgeRuntime.Benchmarks;

/// <summary>The CIFAR-10 subset, pixels standardised by channel.</summary>
internal static class SmallImages
{
    // Mean and deviation of the data set's channels, as known.
    private static readonly float[] Mean = [125.3f, 123.0f, 113.9f], Deviation = [63.0f, 62.1f, 66.7f];

    public static (LabelledData Train, LabelledData Test) Load() => (Read("train"), Read("test"));

    private static LabelledData Read(string part)
    {
        string folder = SharedFolder.Locate("data/cifar10") ?? throw new DirectoryNotFoundException(SharedFolder.Missing("data/cifar10"));
        float[] pixels = NumpyFile.Load(Path.Combine(folder, part + "_images.npy")).ToFloats();
        for (int i = 0; i < pixels.Length; i++) pixels[i] = (pixels[i] - Mean[i % 3]) / Deviation[i % 3];
        return new LabelledData([32, 32, 3], pixels, NumpyFile.Load(Path.Combine(folder, part + "_labels.npy")).ToInts());
    }
}
