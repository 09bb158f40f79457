using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Inference;

/// <summary>The options that say how data files are to be read.</summary>
public static class DataFlags
{
    /// <summary>All of them.</summary>
    public static readonly IReadOnlyList<VerbOption> Options =
    [
        new("--data-type", "TYPE", "element type of raw .bin data: f32, f16, i8, u8, i16, i32, i64"),
        new("--data-shape", "D,D,…", "shape of one sample of raw .bin data"),
        new("--data-scale", "S", "integer data stand for the real numbers S·(q−Z)"),
        new("--data-zero-point", "Z", "see --data-scale (0)"),
        new("--data-layout", "nhwc|nchw", "order of the data's dimensions, if it is not the network's"),
    ];

    /// <summary>Reads the one tensor of a data file.</summary>
    /// <exception cref="UsageException">The options make no sense.</exception>
    /// <exception cref="ModelException">The file is damaged or of an unknown kind.</exception>
    /// <exception cref="IOException">It can't be read.</exception>
    public static Tensor Load(VerbCall call, string path)
    {
        call.CurrentFile = path;
        ElementType? type = call.Text("--data-type") is { } name ? TypeOf(name) : null;
        TensorShape? shape = null;
        if (call.Has("--data-shape"))
        {
            // A leading 1 for the samples, which a file may hold any number of.
            int[] dimensions = call.Ints("--data-shape");
            if (dimensions.Length is 0 or >= TensorShape.MaxRank || dimensions.Contains(0)) throw new UsageException("--data-shape: 1 to 7 dimensions above 0 expected");
            shape = new TensorShape([1, .. dimensions]);
        }
        return DataFile.Load(path, type, shape);
    }

    /// <summary>What the options say about the data.</summary>
    /// <exception cref="UsageException">They make no sense.</exception>
    public static DataDescription Describe(VerbCall call)
    {
        string? layout = call.Text("--data-layout");
        if (layout is not (null or "nhwc" or "nchw")) throw new UsageException($"--data-layout is '{layout}'; nhwc or nchw expected");
        double? scale = call.Positive("--data-scale");
        if (scale is null && call.Has("--data-zero-point")) throw new UsageException("--data-zero-point needs --data-scale");
        return new DataDescription(scale is null ? null : new QuantizationParameters([(float)scale], [call.Int("--data-zero-point", 0, int.MinValue)]), layout);
    }

    /// <summary>Samples [first, end) of <paramref name="count"/>, as <c>--range FIRST:END</c> says; all where it was not given.</summary>
    /// <exception cref="UsageException">It is no range, or an empty one.</exception>
    public static (int First, int End) Range(VerbCall call, string option, int count)
    {
        if (call.Text(option) is not { } text) return (0, count);
        string[] parts = text.Split(':');
        int first = 0, end = count;
        bool isRange = parts.Length == 2 && (parts[0].Length == 0 || int.TryParse(parts[0], out first)) && (parts[1].Length == 0 || int.TryParse(parts[1], out end));
        if (!isRange || first < 0 || first >= end || end > count)
            throw new UsageException($"{option} is '{text}'; FIRST:END within 0:{count} expected");
        return (first, end);
    }

    private static ElementType TypeOf(string name) => name switch
    {
        "f32" => ElementType.Float32,
        "f16" => ElementType.Float16,
        "i8" => ElementType.Int8,
        "u8" => ElementType.UInt8,
        "i16" => ElementType.Int16,
        "i32" => ElementType.Int32,
        "i64" => ElementType.Int64,
        _ => throw new UsageException($"--data-type is '{name}'; f32, f16, i8, u8, i16, i32 or i64 expected"),
    };
}
