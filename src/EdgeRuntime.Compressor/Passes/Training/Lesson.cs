using EdgeRuntime.Model;
using EdgeRuntime.Training;

namespace EdgeRuntime.Compressor;

/// <summary>What a network that is trained makes small, as <see cref="TaughtOptions"/> say, and the teacher behind it.</summary>
internal sealed class Lesson : IDisposable
{
    private readonly SessionTeacher? _teacher;

    /// <summary>Prepares the teacher, hints and heads.</summary>
    /// <param name="options">What to learn from.</param>
    /// <param name="network">The student.</param>
    /// <param name="context">Has the source, threads and the seed.</param>
    /// <param name="teacher">The teacher; null for the one that the options name.</param>
    /// <exception cref="ModelException">There is no such teacher or node, or hints don't fit.</exception>
    public Lesson(TaughtOptions options, TrainableNetwork network, PassContext context, Graph? teacher = null)
    {
        teacher ??= options.Teacher is { } name ? Load(name, context) : null;
        if (teacher is null && options.DeepSupervision.Count == 0) return;
        RandomSource random = new((ulong)context.Seed + 0x1E550);
        string[][] pairs = [.. options.Hints.Select(h => h.Split('=', 2))];
        if (teacher is not null) _teacher = new SessionTeacher(teacher, pairs.Select(p => p[^1]), context.Threads);
        FeatureHint[] hints = _teacher is null ? [] : [.. pairs.Zip(_teacher.Values, (p, v) => new FeatureHint(ValueNames.Find(network.Graph, p[0]), v.Shape, options.Attention, random))];
        AuxiliaryHead[] heads = [.. options.DeepSupervision.Select(n => new AuxiliaryHead(ValueNames.Find(network.Graph, n), network.Logits[0].Shape[-1], random))];
        Objective = new DistillationObjective(new DistillationOptions
        {
            Alpha = (float)options.Alpha,
            Temperature = (float)options.Temperature,
            UseSquaredError = options.Soft == "mse",
            HintWeight = (float)options.HintWeight,
            LabelSmoothing = (float)options.LabelSmoothing,
        }, _teacher is null ? null : _teacher.Run, hints, heads);
    }

    /// <summary>What to train for; null for the labels alone.</summary>
    public Objective? Objective { get; }

    /// <inheritdoc/>
    public void Dispose() => _teacher?.Dispose();

    private static Graph Load(string teacher, PassContext context)
    {
        if (teacher == "source") return context.Source ?? throw new ModelException(ModelErrorKind.InvalidData, "teacher", "\"source\" is the network before a recipe's first pass; there is none here, name a file");
        if (!File.Exists(teacher)) throw new ModelException(ModelErrorKind.InvalidData, teacher, "no such file to learn from; \"source\" is the network before the first pass");
        return teacher.EndsWith(".edge", StringComparison.OrdinalIgnoreCase) ? ModelReader.Read(File.ReadAllBytes(teacher)).Graph : NetworkImporter.Load(teacher);
    }
}
