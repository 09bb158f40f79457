using System.Globalization;
using EdgeRuntime.TestSupport;

namespace EdgeRuntime.Benchmarks;

/// <summary>The convolutions of a network, read from a <c>.layers.txt</c> file.</summary>
internal static class Layers
{
    /// <summary>All networks of the folder <c>models</c>: name and convolutions in order.</summary>
    public static IEnumerable<(string Network, List<Kernels.ConvolutionShape> Shapes)> All()
    {
        string models = SharedFolder.Locate("models") ?? throw new DirectoryNotFoundException(SharedFolder.Missing("models"));
        foreach (string file in Directory.GetFiles(models, "*.layers.txt", SearchOption.AllDirectories)
            .Where(f => f.Contains("mlperf-tiny", StringComparison.Ordinal) || f.Contains("mobilenet", StringComparison.Ordinal)).Order(StringComparer.Ordinal))
            yield return (Path.GetFileName(file).Replace(".layers.txt", "", StringComparison.Ordinal), File.ReadLines(file).Select(Parse).OfType<Kernels.ConvolutionShape>().ToList());
    }

    // conv|dw IN OUT H W C OutH OutW O kH kW sY sX padTop padLeft padBottom padRight dY dX act · fc IN OUT K N act
    private static Kernels.ConvolutionShape? Parse(string line)
    {
        string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (words.Length == 0 || words[0] is not ("conv" or "dw" or "fc")) return null;
        int[] v = Array.ConvertAll(words[3..], w => int.Parse(w, CultureInfo.InvariantCulture));
        if (words[0] == "fc") return Kernels.ConvolutionShape.FullyConnected(1, v[0], v[1]);
        return new(1, v[0], v[1], v[2], v[5], v[6], v[7], v[8], v[9], v[14], v[15], v[10], v[11], v[12], v[13], words[0] == "dw" ? v[2] : 1);
    }
}
