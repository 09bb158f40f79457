using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Inference;

/// <summary>A network that was opened, in the form that sessions run.</summary>
/// <param name="Path">The file.</param>
/// <param name="Graph">The network.</param>
/// <param name="Packed">The packed file that <paramref name="Graph"/> is mapped from; null where it was imported.</param>
public sealed record OpenedModel(string Path, Graph Graph, PackedModel? Packed) : IDisposable
{
    /// <summary>A session that takes packed weights from the file where it has them.</summary>
    /// <exception cref="ModelException">Something in the network can't be run.</exception>
    public InferenceSession NewSession(SessionOptions? options = null) => new(Graph, (options ?? new SessionOptions()) with { Packed = Packed });

    /// <summary>Unmaps the file.</summary>
    public void Dispose() => Packed?.Dispose();
}

/// <summary>Opens the model files that a program understands.</summary>
public abstract class ModelSource
{
    /// <summary>File name endings, for messages and help, for example <c>.edge</c>.</summary>
    public abstract string Formats { get; }

    /// <summary>Reads a sound file and makes the features that the model's preprocessing, JSON, asks for; null where the program can't.</summary>
    public Func<string, string, Tensor>? ReadSound { get; init; }

    /// <summary>Reads a data file for an input of <paramref name="graph"/>, or a sound file as its features.</summary>
    /// <exception cref="UsageException">The model does not say how features are made.</exception>
    /// <exception cref="ModelException">The file is damaged or of an unknown kind.</exception>
    /// <exception cref="IOException">It can't be read.</exception>
    public Tensor LoadData(VerbCall call, string path, Graph graph)
    {
        if (ReadSound is null || !path.EndsWith(".wav", StringComparison.OrdinalIgnoreCase)) return DataFlags.Load(call, path);
        call.CurrentFile = path;
        if (!graph.Metadata.TryGetValue(MetadataKeys.Preprocessing, out string? preprocessing))
            throw new UsageException($"{call.Arguments[0]} does not say how its input is made of sound; give the features in a .npy file");
        try
        {
            return ReadSound(path, preprocessing);
        }
        catch (InvalidDataException e)
        {
            throw new ModelException(ModelErrorKind.InvalidData, Path.GetFileName(path), e.Message, e);
        }
    }

    /// <summary>Opens <paramref name="path"/>, and notes it in <paramref name="call"/>.</summary>
    /// <exception cref="UsageException">There is no such file, or <c>--kernel</c> names a node that it has not.</exception>
    /// <exception cref="ModelException">The file is damaged or uses what is not supported.</exception>
    /// <exception cref="IOException">It can't be read.</exception>
    public OpenedModel Open(string path, VerbCall call)
    {
        call.CurrentFile = path;
        if (Directory.Exists(path)) throw new UsageException($"{path} is a directory, not a model ({Formats})");
        if (!File.Exists(path)) throw new UsageException($"there is no file {path}");
        OpenedModel model = OpenFile(path, call);
        if (call.Arguments.Count == 1) SessionFlags.CheckKernels(call, model.Graph);
        return model;
    }

    /// <summary>What the user may say about files that are opened.</summary>
    public virtual IReadOnlyList<VerbOption> Options => [];

    /// <summary>Opens <paramref name="path"/>, which exists, as the options of <paramref name="call"/> say.</summary>
    /// <exception cref="ModelException">The file is damaged or uses what is not supported.</exception>
    /// <exception cref="IOException">It can't be read.</exception>
    public abstract OpenedModel OpenFile(string path, VerbCall call);
}

/// <summary>Opens packed models only: all that the board needs.</summary>
public sealed class PackedModelSource : ModelSource
{
    /// <inheritdoc/>
    public override string Formats => ".edge";

    /// <inheritdoc/>
    public override OpenedModel OpenFile(string path, VerbCall call)
    {
        PackedModel packed = ModelReader.Open(path);
        return new OpenedModel(path, packed.Graph, packed);
    }
}
