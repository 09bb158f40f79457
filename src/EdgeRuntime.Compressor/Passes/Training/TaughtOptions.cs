namespace EdgeRuntime.Compressor;

/// <summary>Options that all passes share that train, and may learn from a teacher.</summary>
public abstract record TaughtOptions : TuningOptions
{
    /// <summary>Whom to learn from besides the labels: <c>source</c>, the network before the first pass, or a network's file; null for nobody.</summary>
    public string? Teacher { get; set; }

    /// <summary>Weight of the teacher's outputs; the labels have the rest.</summary>
    public double Alpha { get; set; } = 0.5;

    /// <summary>What logits are divided by before teacher and student are compared.</summary>
    public double Temperature { get; set; } = 2;

    /// <summary>How outputs are compared: <c>kl</c> (Kullback-Leibler divergence at the temperature) or <c>mse</c> (squared difference of the logits).</summary>
    public string Soft { get; set; } = "kl";

    /// <summary>Nodes whose outputs are to be like the teacher's: <c>STUDENT=TEACHER</c>, or one name for both.</summary>
    public IReadOnlyList<string> Hints { get; set; } = [];

    /// <summary>Weight of the hints.</summary>
    public double HintWeight { get; set; } = 1;

    /// <summary>Whether hints compare where a layer looks (attention transfer) instead of what it says.</summary>
    public bool Attention { get; set; }

    /// <summary>Nodes that get a classifier of their own while training, which learns from the labels and from the network's output.</summary>
    public IReadOnlyList<string> DeepSupervision { get; set; } = [];

    /// <inheritdoc/>
    internal override void Check()
    {
        base.Check();
        if (!(Alpha is >= 0 and <= 1)) throw new ArgumentException($"alpha {Alpha} is not in [0, 1]");
        if (!(Temperature is > 0 and <= 1000)) throw new ArgumentException($"temperature {Temperature} is not in (0, 1000]");
        if (!(HintWeight >= 0)) throw new ArgumentException($"hintWeight {HintWeight} is negative");
        if (Soft is not ("kl" or "mse")) throw new ArgumentException($"no soft loss \"{Soft}\"; known: kl, mse");
        if (Teacher is null && Hints.Count > 0) throw new ArgumentException("hints need a teacher");
    }
}
