namespace EdgeRuntime.Benchmarks;

/// <summary>One line of a table: a network compressed by a recipe.</summary>
/// <param name="Task">Name of the network and its data.</param>
/// <param name="Name">What stands in the table, and what <c>--only</c> takes.</param>
/// <param name="Recipe">A shipped recipe, or a file below docs/recipes; null for the float network as it is.</param>
/// <param name="Goal">What is to be reached.</param>
internal sealed record CompressionLine(string Task, string Name, string? Recipe, string Goal = "")
{
    /// <summary>The network to begin with, where it isn't the trained one: a student.</summary>
    public string? Network { get; init; }

    /// <summary>Whether the file is written without what can be done without.</summary>
    public bool IsCompact { get; init; }

    /// <summary>All lines; new ones are added here, their recipes in docs/recipes.</summary>
    public static IReadOnlyList<CompressionLine> All { get; } =
    [
        new("digits", "float", null),
        new("digits", "float, trained on as long", Own("digits-longer")),
        new("digits", "int8 PTQ", "int8", "≤ 0.5"),
        new("digits", "int8 QAT", "qat-int8", "≤ 0.3"),
        new("digits", "int4 PTQ", "int4"),
        new("digits", "int4 QAT", "qat-int4", "≤ 1.0"),
        new("digits", "binary weights QAT", Own("qat-binary-long"), "≤ 6"),
        new("digits", "75 % 1×4 blocks, int8", Own("digits-prune-blocks"), "≤ 1.0"),
        new("digits", "half of the multiplies by channels, int8", Own("digits-prune-channels")),
        new("digits", "half of the multiplies by factors, int8", Own("digits-lowrank"), "≤ 1.0"),
        new("digits", "channels, then int4 QAT", Own("digits-twelfth"), "≤ 1.5, 1/12") { IsCompact = true },
        new("digits-lstm", "float", null),
        new("digits-lstm", "float, trained on as long", Own("lstm-longer")),
        new("digits-lstm", "int8 PTQ", "int8"),
        new("digits-lstm", "80 % of the weights, int8", Own("lstm-prune-80"), "≤ 1.0"),
        new("digits-lstm", "half of the multiplies by factors, int8", Own("lstm-lowrank"), "≤ 1.0"),
        new("cifar10", "float", null),
        new("cifar10", "float, trained on as long", Own("cifar10-longer")),
        new("cifar10", "float, trained on for 40 epochs", Own("cifar10-longer-40")),
        new("cifar10", "int8 PTQ", "int8", "≤ 0.5"),
        new("cifar10", "int8 QAT", Own("cifar10-qat-int8"), "≤ 0.3"),
        new("cifar10", "int4 PTQ", "int4"),
        new("cifar10", "int4 QAT", Own("cifar10-qat-int4"), "≤ 1.0"),
        new("cifar10", "binary weights QAT", Own("cifar10-qat-binary"), "≤ 6"),
        new("cifar10", "75 % 1×4 blocks, int8", Own("cifar10-prune-blocks"), "≤ 1.0"),
        new("cifar10", "channels by latency, int8", Own("cifar10-prune-channels"), "≤ 1.5, 1.6 × as fast as int8"),
        new("cifar10", "half of the multiplies by factors, int8", Own("cifar10-lowrank"), "≤ 1.0"),
        new("cifar10", "factors, then int4 QAT", Own("cifar10-twelfth"), "≤ 1.5, 1/12"),
        new("cifar10", "half as wide, int8", Own("cifar10-student")) { Network = "student.onnx" },
        new("cifar10", "half as wide, taught, int8", Own("cifar10-taught-student"), "0.8 above the line before") { Network = "student.onnx" },
        new("fan", "float", null),
        new("fan", "int8 PTQ", "int8", "≤ 0.01"),
        new("fan", "half of the multiplies by factors, int8", Own("fan-lowrank"), "≤ 0.01"),
    ];

    /// <summary>The arguments of <c>edge</c> that make the line's file in <paramref name="folder"/>.</summary>
    public string[] Command(string folder, int seed)
    {
        string File(string name) => Path.Combine(folder, name);
        List<string> words = ["compress", File(Network ?? CompressionTask.Network), "-o", Output(folder)];
        if (Recipe is null) return [.. words];
        string recipe = Place(folder);
        words.AddRange(["--recipe", recipe]);
        if (IsCompact) words.Add("--compact");
        words.AddRange(Compressor.Recipe.Load(recipe).NeedsTraining ? ["--train", File("train.npy"), "--train-labels", File("train-labels.npy"), "--seed", $"{seed + 1}"] : ["--calibrate", File("train.npy"), "--calibrate-range", "0:200"]);
        return [.. words];
    }

    /// <summary>The recipe for the seed in <paramref name="folder"/>: {folder} in a file stands for the folder, where networks are that teach.</summary>
    public string Place(string folder)
    {
        if (Recipe is null || !Recipe.EndsWith(".json", StringComparison.Ordinal) || System.IO.File.ReadAllText(Recipe) is not { } text || !text.Contains("{folder}", StringComparison.Ordinal)) return Recipe!;
        string own = Path.Combine(folder, Path.GetFileName(Recipe));
        System.IO.File.WriteAllText(own, text.Replace("{folder}", folder, StringComparison.Ordinal));
        return own;
    }

    private static string Own(string name) => $"docs/recipes/{name}.json";

    /// <summary>The packed file.</summary>
    public string Output(string folder) => Path.Combine(folder, string.Concat(Name.Where(c => char.IsAsciiLetterOrDigit(c) || c is ' ' or '-')).Trim().Replace(' ', '-') + ".edge");
}
