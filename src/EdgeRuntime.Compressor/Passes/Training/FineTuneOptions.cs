namespace EdgeRuntime.Compressor;

/// <summary>Options of the pass <c>fine-tune</c> and of training.</summary>
public sealed record FineTuneOptions : TaughtOptions
{
    /// <summary>What to begin with: <c>trained</c>, the weights as they are, or <c>random</c>.</summary>
    public string Init { get; set; } = "trained";

    /// <summary>Networks that are trained together and learn from each other, of which the first is kept; the others begin at random.</summary>
    public int Mutual { get; set; } = 1;

    /// <summary>Trainings, each after the first from random weights and with the network before as teacher; the best is kept.</summary>
    public int Generations { get; set; } = 1;

    /// <summary>Whether convolutions that have no batch normalisation (any more) get one for as long as they are trained: factors for example, or a network that came folded.</summary>
    public bool Normalize { get; set; }

    /// <inheritdoc/>
    internal override void Check()
    {
        base.Check();
        if (Init is not ("trained" or "random")) throw new ArgumentException($"no init \"{Init}\"; known: trained, random");
        if (Mutual < 1 || Generations < 1) throw new ArgumentException("mutual and generations are at least 1");
        if (Mutual > 1 && (Teacher is not null || DeepSupervision.Count > 0 || Generations > 1)) throw new ArgumentException("mutual excludes teacher, deepSupervision and generations");
    }
}
