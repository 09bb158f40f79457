namespace EdgeRuntime.Training;

/// <summary>How a network is trained.</summary>
public sealed record TrainingOptions
{
    /// <summary>Passes over the training data.</summary>
    public int Epochs { get; init; } = 10;

    /// <summary>Samples of a step.</summary>
    public int BatchSize { get; init; } = 64;

    /// <summary>The learning rate over all steps.</summary>
    public LearningRateSchedule Schedule { get; init; } = LearningRateSchedule.Cosine(1e-3f);

    /// <summary>Weight decay of the optimiser.</summary>
    public float WeightDecay { get; init; }

    /// <summary>Whether to use <see cref="Sgd"/> with momentum instead of <see cref="Adam"/>.</summary>
    public bool UseSgd { get; init; }

    /// <summary>Largest norm of all gradients together; 0 for no limit.</summary>
    public float GradientLimit { get; init; }

    /// <summary>Decay of the moving average that is evaluated and kept in the end; 0 for none.</summary>
    public float AverageDecay { get; init; }

    /// <summary>Smoothing of the class targets.</summary>
    public float LabelSmoothing { get; init; }

    /// <summary>Epochs without a better validation accuracy after which training ends; 0 for never.</summary>
    public int Patience { get; init; }

    /// <summary>Steps of recurrent layers that gradients flow back through, see <see cref="Tape.Window"/>; 0 for all.</summary>
    public int Window { get; init; }

    /// <summary>Applied to every training sample, anew in each epoch.</summary>
    public Augmentation? Augment { get; init; }

    /// <summary>Seed of everything random.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Threads; 0 for all processors.</summary>
    public int Workers { get; init; }

    /// <summary>Where to save a checkpoint after each epoch, and to go on from one; null for none.</summary>
    public string? Checkpoint { get; init; }

    /// <summary>Told after every step.</summary>
    public Action<TrainingProgress>? OnProgress { get; init; }
}

/// <summary>How far training is.</summary>
/// <param name="Epoch">The present epoch, from 1 on.</param>
/// <param name="Epochs">Epochs in all.</param>
/// <param name="Step">Steps made in it.</param>
/// <param name="Steps">Steps of an epoch.</param>
/// <param name="Loss">Mean training loss of the epoch so far.</param>
/// <param name="Accuracy">Validation accuracy after the last epoch, in [0, 1]; NaN before, or where there is no validation data.</param>
/// <param name="Remaining">Estimated time left.</param>
public readonly record struct TrainingProgress(int Epoch, int Epochs, int Step, int Steps, double Loss, double Accuracy, TimeSpan Remaining)
{
    /// <summary>A line for a person.</summary>
    public override string ToString() => $"epoch {Epoch}/{Epochs}, step {Step}/{Steps}, loss {Loss:F4}" + (double.IsNaN(Accuracy) ? "" : $", accuracy {Accuracy:P2}") + $", {Remaining:h\\:mm\\:ss} left";
}

/// <summary>What training led to.</summary>
/// <param name="Losses">Mean training loss of each epoch.</param>
/// <param name="Accuracies">Validation accuracy after each epoch; empty without validation data.</param>
/// <param name="BestEpoch">The epoch, from 1 on, whose parameters were kept.</param>
public sealed record TrainingResult(IReadOnlyList<double> Losses, IReadOnlyList<double> Accuracies, int BestEpoch)
{
    /// <summary>A line for a person.</summary>
    public override string ToString() => $"epoch {BestEpoch} of {Losses.Count} was kept: loss {Losses[BestEpoch - 1]:F4}" + (Accuracies.Count > 0 ? $", validation accuracy {Accuracies[BestEpoch - 1]:P2}" : "");
}
