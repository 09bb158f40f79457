namespace EdgeRuntime.Training;

/// <summary>What a student learns from its teacher, its labels and itself.</summary>
public sealed record DistillationOptions
{
    /// <summary>Weight of the teacher's outputs; the labels have the rest.</summary>
    public float Alpha { get; init; } = 0.5f;

    /// <summary>What logits are divided by before their softmax; the divergence is multiplied by its square.</summary>
    public float Temperature { get; init; } = 2;

    /// <summary>Whether logits are compared by their mean squared difference (Ba and Caruana 2014) instead of the divergence.</summary>
    public bool UseSquaredError { get; init; }

    /// <summary>Weight of the mean loss of all hints.</summary>
    public float HintWeight { get; init; } = 1;

    /// <summary>Weight of the mean loss of all auxiliary heads.</summary>
    public float HeadWeight { get; init; } = 0.3f;

    /// <summary>Smoothing of the class targets.</summary>
    public float LabelSmoothing { get; init; }
}

/// <summary>
/// Hard targets from labels and soft ones from a teacher (Hinton, Vinyals and Dean 2015), hints for values inside (Romero et al.
/// 2015), and auxiliary heads that learn from labels and from the network's own output (Zhang et al. 2019): each where it is given.
/// </summary>
public sealed class DistillationObjective : Objective
{
    private readonly DistillationOptions _options;
    private readonly Teacher? _teacher;
    private readonly IReadOnlyList<FeatureHint> _hints;
    private readonly IReadOnlyList<AuxiliaryHead> _heads;

    /// <summary>Creates the objective; the teacher gives its logits and one value for each hint.</summary>
    public DistillationObjective(DistillationOptions options, Teacher? teacher, IReadOnlyList<FeatureHint>? hints = null, IReadOnlyList<AuxiliaryHead>? heads = null)
    {
        (_options, _teacher, _hints, _heads) = (options, teacher, hints ?? [], heads ?? []);
        if (teacher is null && _hints.Count > 0) throw new ArgumentException("hints need a teacher", nameof(hints));
    }

    /// <inheritdoc/>
    public override IReadOnlyList<Variable> Parameters => [.. _hints.SelectMany(h => h.Parameters), .. _heads.SelectMany(h => h.Parameters)];

    /// <inheritdoc/>
    public override Variable Loss(Tape tape, TrainableNetwork network, TrainingBatch batch)
    {
        Variable[] taught = _teacher?.Invoke(tape, batch.Input) ?? [];
        Variable[] values = network.Forward(tape, [batch.Input], [network.Logits[0], .. _hints.Select(h => h.Student), .. _heads.Select(h => h.Value)]);
        Variable loss = Targets(tape, values[0], taught.Length > 0 ? taught[0] : null, batch.Labels);
        for (int i = 0; i < _hints.Count; i++)
            loss = tape.Add(loss, tape.Scale(_hints[i].Loss(tape, values[1 + i], taught[1 + i]), _options.HintWeight / _hints.Count));
        for (int i = 0; i < _heads.Count; i++)
            loss = tape.Add(loss, tape.Scale(Targets(tape, _heads[i].Run(tape, values[1 + _hints.Count + i]), values[0], batch.Labels), _options.HeadWeight / _heads.Count));
        return loss;
    }

    /// <summary>(1 − alpha) · hard + alpha · soft; all soft without labels, all hard without a teacher.</summary>
    private Variable Targets(Tape tape, Variable logits, Variable? teacher, int[] labels)
    {
        float alpha = teacher is null ? 0 : labels.Length == 0 ? 1 : _options.Alpha;
        Variable? hard = alpha < 1 ? tape.CrossEntropy(logits, labels, _options.LabelSmoothing) : null;
        if (alpha == 0) return hard!;
        Variable target = tape.Constant(logits.Shape, teacher!.Data.AsSpan(0, teacher.Count));
        Variable soft = tape.Scale(_options.UseSquaredError ? tape.MeanSquaredError(logits, target) : tape.KullbackLeibler(logits, target, _options.Temperature), alpha);
        return hard is null ? soft : tape.Add(tape.Scale(hard, 1 - alpha), soft);
    }
}
