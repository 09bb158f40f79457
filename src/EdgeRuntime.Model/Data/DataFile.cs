using EdgeRuntime.Tensors;

namespace EdgeRuntime.Model;

/// <summary>Reads inputs, calibration data and results from whatever kind of file they are in.</summary>
public static class DataFile
{
    /// <summary>
    /// Reads the one tensor in <paramref name="path"/>: .npy; .npz with one array; IDX (plain or .gz); raw elements (.bin, .raw).
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="rawType">Element type of a raw file.</param>
    /// <param name="rawShape">Shape of one sample or of the whole raw file; a file that holds n times as many elements gives
    /// a tensor whose first dimension is n times as long.</param>
    /// <exception cref="ModelException">The file is damaged, of an unknown kind, or does not fit type and shape.</exception>
    /// <exception cref="IOException">It can't be read.</exception>
    public static Tensor Load(string path, ElementType? rawType = null, TensorShape? rawShape = null)
    {
        IReadOnlyList<KeyValuePair<string, Tensor>> all = LoadAll(path, rawType, rawShape);
        return all.Count == 1 ? all[0].Value
            : throw Bad(Path.GetFileName(path), $"one array expected, {all.Count} found ({string.Join(", ", all.Select(a => a.Key))})");
    }

    /// <summary>Reads all tensors in <paramref name="path"/>: those of a .npz by their names, a single one under "".</summary>
    /// <inheritdoc cref="Load"/>
    public static IReadOnlyList<KeyValuePair<string, Tensor>> LoadAll(string path, ElementType? rawType = null, TensorShape? rawShape = null)
    {
        string name = Path.GetFileName(path);
        Tensor tensor;
        switch (Path.GetExtension(path).ToLowerInvariant())
        {
            case ".npz": return NumpyFile.LoadArchive(path);
            case ".npy": tensor = NumpyFile.Load(path); break;
            case ".bin" or ".raw":
                if (rawType is null || rawShape is null) throw Bad(name, "a raw file needs an element type and a shape");
                tensor = LoadRaw(path, rawType.Value, rawShape.Value);
                break;
            case ".gz" or ".idx": tensor = IdxFile.Load(path); break;
            default:
                if (!name.Contains("-idx", StringComparison.OrdinalIgnoreCase)) throw Bad(name, "unknown kind of file; .npy, .npz, .bin, .raw and IDX are read");
                tensor = IdxFile.Load(path);
                break;
        }
        return [new("", tensor)];
    }

    /// <summary>Reads little-endian elements without any header; see <see cref="Load"/> for the shape.</summary>
    /// <exception cref="ModelException">The file's length is no multiple of the shape's.</exception>
    /// <exception cref="IOException">It can't be read.</exception>
    public static Tensor LoadRaw(string path, ElementType type, TensorShape shape)
    {
        string name = Path.GetFileName(path);
        long length = new FileInfo(path).Length, unit = type.ByteCount(shape.ElementCount);
        if (unit == 0 || length == 0 || length % unit != 0) throw Bad(name, $"{length} bytes are no multiple of {unit}, which {type} {shape} takes");
        if (length > Array.MaxLength) throw Bad(name, $"{length} bytes are too many for one tensor; split the file");
        int times = (int)(length / unit);
        if (times > 1) shape = shape.Rank == 0 ? new TensorShape(times) : shape.With(0, checked(shape[0] * times));
        return type.ByteCount(shape.ElementCount) == length ? new Tensor(type, shape, File.ReadAllBytes(path))
            : throw Bad(name, $"several samples of {type} {shape} don't end on whole bytes");
    }

    private static ModelException Bad(string name, string message) => new(ModelErrorKind.InvalidData, name, message);
}
