using System.Globalization;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Model;

/// <summary>Class numbers, one a sample, from the files that data sets keep them in.</summary>
public static class LabelFile
{
    private const long MaxTextBytes = 1 << 28;

    /// <summary>
    /// Reads .npy or IDX files of any integer type, or a .csv or .txt file with one label a line: the last comma-separated
    /// field that is an integer. A first line without one is a heading; empty lines don't count.
    /// </summary>
    /// <exception cref="ModelException">The file holds no labels, or something else; the message names the line.</exception>
    /// <exception cref="IOException">It can't be read.</exception>
    public static int[] Load(string path)
    {
        string name = Path.GetFileName(path);
        if (Path.GetExtension(path).ToLowerInvariant() is ".csv" or ".txt") return Lines(path, name);
        Tensor tensor = DataFile.Load(path);
        if (tensor.Shape.Rank == 0 || tensor.Shape.ElementCount != tensor.Shape[0]) throw Bad(name, $"{tensor} is not one label a sample");
        try
        {
            return tensor.ToInts();
        }
        catch (Exception e) when (e is InvalidOperationException or OverflowException)
        {
            throw new ModelException(ModelErrorKind.InvalidData, name, $"{tensor} holds no class numbers", e);
        }
    }

    private static int[] Lines(string path, string name)
    {
        if (new FileInfo(path) is { Exists: true, Length: > MaxTextBytes }) throw Bad(name, $"more than {MaxTextBytes} bytes of text");
        List<int> labels = [];
        int number = 0;
        foreach (string line in File.ReadLines(path))
        {
            number++;
            if (LastInteger(line) is { } label) labels.Add(label);
            else if (number > 1 && !string.IsNullOrWhiteSpace(line)) throw Bad(name, $"line {number} holds no integer");
        }
        return labels.Count > 0 ? [.. labels] : throw Bad(name, "no labels");
    }

    private static int? LastInteger(ReadOnlySpan<char> line)
    {
        while (true)
        {
            int comma = line.LastIndexOf(',');
            if (int.TryParse(line[(comma + 1)..], NumberStyles.Integer, CultureInfo.InvariantCulture, out int value)) return value;
            if (comma < 0) return null;
            line = line[..comma];
        }
    }

    private static ModelException Bad(string name, string message) => new(ModelErrorKind.InvalidData, name, message);
}
