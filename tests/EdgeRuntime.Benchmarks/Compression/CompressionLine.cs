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

    /// <summary>All lines; new ones are added here, their recipes in docs/recipes.</summary>
    public static IReadOnlyList<CompressionLine> All { get; } =
    [
        new("digits", "float", null),
        new("digits", "int8 PTQ", "int8", "≤ 0.5"),
        new("digits", "int4 PTQ", "int4"),
        new("digits", "low rank, int8", "lowrank"),
        new("digits", "50 % 1×4 blocks, int8", "prune-int8"),
        new("digits", "75 % 1×4 blocks, trained, int8", "docs/recipes/digits-prune-blocks.json", "≤ 1.0"),
        new("digits", "50 % of the multiplies by channels, int8", "docs/recipes/digits-prune-channels.json"),
        new("digits-lstm", "float", null),
        new("digits-lstm", "int8 PTQ", "int8"),
        new("cifar10", "float", null),
        new("cifar10", "int8 PTQ", "int8", "≤ 0.5"),
        new("cifar10", "int4 PTQ", "int4"),
        new("cifar10", "low rank, int8", "lowrank"),
        new("cifar10", "50 % 1×4 blocks, int8", "prune-int8"),
        new("cifar10", "50 % of the multiplies by channels, int8", "docs/recipes/cifar10-prune-channels.json", "≤ 1.5, 1.6 × as fast"),
        new("fan", "float", null),
        new("fan", "int8 PTQ", "int8", "≤ 0.01"),
        new("fan", "low rank, int8", "lowrank", "≤ 0.01"),
    ];

    /// <summary>The arguments of <c>edge</c> that make the line's file in the task's <paramref name="folder"/>.</summary>
    public string[] Command(CompressionTask task, string folder, int seed)
    {
        string File(string name) => Path.Combine(folder, name);
        List<string> words = ["compress", File(Network ?? task.Network), "-o", Output(folder)];
        if (Recipe is null) return [.. words];
        words.AddRange(["--recipe", Recipe]);
        words.AddRange(Compressor.Recipe.Load(Recipe).NeedsTraining ? ["--train", File("train.npy"), "--train-labels", File("train-labels.npy"), "--seed", $"{seed + 1}"] : ["--calibrate", File("train.npy"), "--calibrate-range", "0:200"]);
        return [.. words];
    }

    /// <summary>The packed file.</summary>
    public string Output(string folder) => Path.Combine(folder, string.Concat(Name.Where(c => char.IsAsciiLetterOrDigit(c) || c is ' ' or '-')).Trim().Replace(' ', '-') + ".edge");
}
