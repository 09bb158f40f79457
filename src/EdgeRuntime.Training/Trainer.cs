using System.Diagnostics;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Training;

/// <summary>The loss of one step: from the network's outputs for a batch (<see cref="TrainableNetwork.Logits"/>), with its samples' numbers and labels.</summary>
public delegate Variable LossFunction(Tape tape, TrainingBatch batch, Variable[] outputs);

/// <summary>One batch.</summary>
/// <param name="Input">The samples, stacked.</param>
/// <param name="Indices">Their numbers in the data set.</param>
/// <param name="Labels">Their classes; empty where the data set has none.</param>
public sealed record TrainingBatch(Variable Input, int[] Indices, int[] Labels);

/// <summary>
/// Trains a network with one input. The same options and data give the same bits, with any number of workers, and whether or
/// not the training was interrupted and went on from a checkpoint.
/// </summary>
public sealed class Trainer
{
    private readonly TrainableNetwork _network;
    private readonly TrainingOptions _options;
    private readonly Dataset _data;
    private readonly Dataset? _validation;
    private readonly Objective _objective;
    private readonly Tape _tape;
    private readonly Optimizer _optimizer;
    private readonly MovingAverage? _average;
    private readonly TrainingCheckpoint _checkpoint;
    private readonly TensorShape _sample;
    private readonly IReadOnlyList<Variable> _parameters;

    /// <summary>Prepares training on <paramref name="data"/>; without a loss function it is the cross-entropy of the first output.</summary>
    public Trainer(TrainableNetwork network, Dataset data, Dataset? validation = null, TrainingOptions? options = null, LossFunction? loss = null)
        : this(network, data, validation, options, loss is null ? null : new OutputObjective(loss)) { }

    /// <summary>Prepares training on <paramref name="data"/>; without an objective it is the cross-entropy of the first output.</summary>
    public Trainer(TrainableNetwork network, Dataset data, Dataset? validation, TrainingOptions? options, Objective? objective)
    {
        _network = network;
        _options = options ?? new TrainingOptions();
        (_data, _validation) = (data, validation);
        _sample = network.Graph.Inputs[0].Shape;
        if (_sample.ElementCount != data.SampleLength) throw new ArgumentException($"samples of {data.SampleLength} floats for input {network.Graph.Inputs[0]}", nameof(data));
        _objective = objective ?? new OutputObjective((tape, batch, outputs) => tape.CrossEntropy(outputs[0], batch.Labels, _options.LabelSmoothing));
        _parameters = [.. network.Parameters, .. _objective.Parameters];
        _tape = new Tape(_options.Workers, _options.Seed) { Window = _options.Window };
        _optimizer = _options.UseSgd ? new Sgd(_parameters, weightDecay: _options.WeightDecay) : new Adam(_parameters, _options.WeightDecay);
        if (_options.AverageDecay > 0) _average = new MovingAverage(_parameters, _options.AverageDecay);
        _checkpoint = new TrainingCheckpoint([.. network.State, .. _objective.Parameters], _optimizer, _average, _tape.Random);
    }

    /// <summary>Trains, keeps the parameters of the best epoch (the last, without validation data) and stores them in the graph.</summary>
    /// <exception cref="Model.ModelException">The checkpoint to go on from belongs to another network.</exception>
    public TrainingResult Run(CancellationToken cancel = default)
    {
        if (_options.Checkpoint is { } file && File.Exists(file)) _checkpoint.Load(file);
        int steps = (_data.Count + _options.BatchSize - 1) / _options.BatchSize;
        Stopwatch clock = Stopwatch.StartNew();
        int start = _checkpoint.Epoch;
        while (_checkpoint.Epoch < _options.Epochs && !ShouldStop())
        {
            cancel.ThrowIfCancellationRequested();
            _checkpoint.Losses.Add(RunEpoch(steps, clock, start, cancel));
            _average?.Swap();
            if (_validation is not null) _checkpoint.Accuracies.Add(Accuracy(_validation));
            _checkpoint.Epoch++;
            if (_validation is null || _checkpoint.Accuracies[^1] > _checkpoint.BestAccuracy) _checkpoint.KeepBest();
            _average?.Swap();
            if (_options.Checkpoint is { } target) _checkpoint.Save(target);
        }
        _checkpoint.RestoreBest();
        _network.Store();
        return new TrainingResult(_checkpoint.Losses, _checkpoint.Accuracies, _checkpoint.BestEpoch);
    }

    /// <summary>Share of samples whose largest output is that of their class.</summary>
    public double Accuracy(Dataset data)
    {
        float[] outputs = Predict(data);
        int classes = outputs.Length / data.Count, right = 0;
        for (int i = 0; i < data.Count; i++)
        {
            ReadOnlySpan<float> row = outputs.AsSpan(i * classes, classes);
            int best = 0;
            for (int c = 1; c < classes; c++)
                if (row[c] > row[best]) best = c;
            if (best == data.Labels.Span[i]) right++;
        }
        return (double)right / data.Count;
    }

    /// <summary>Output 0 of all samples, one after the other, as at inference.</summary>
    public float[] Predict(Dataset data)
    {
        _tape.IsTraining = false;
        List<float> all = [];
        for (int from = 0; from < data.Count; from += _options.BatchSize)
        {
            int[] indices = [.. Enumerable.Range(from, Math.Min(_options.BatchSize, data.Count - from))];
            all.AddRange(_network.Forward(_tape, [Batch(data, indices, null).Input])[0].Data);
            _tape.Reset();
        }
        _tape.IsTraining = true;
        return [.. all];
    }

    private bool ShouldStop() => _options.Patience > 0 && _checkpoint.Epoch - _checkpoint.BestEpoch >= _options.Patience;

    private double RunEpoch(int steps, Stopwatch clock, int start, CancellationToken cancel)
    {
        RandomSource random = _tape.Random.Fork();
        int[] order = [.. Enumerable.Range(0, _data.Count)];
        random.Shuffle(order.AsSpan());
        double sum = 0;
        for (int step = 0; step < steps; step++)
        {
            cancel.ThrowIfCancellationRequested();
            sum += Step(order[(step * _options.BatchSize)..Math.Min((step + 1) * _options.BatchSize, order.Length)], steps, random);
            double done = _checkpoint.Epoch - start + (step + 1.0) / steps, left = _options.Epochs - start - done;
            _options.OnProgress?.Invoke(new TrainingProgress(_checkpoint.Epoch + 1, _options.Epochs, step + 1, steps, sum / (step + 1),
                _checkpoint.Accuracies.Count > 0 ? _checkpoint.Accuracies[^1] : double.NaN, clock.Elapsed * (left / done)));
        }
        return sum / steps;
    }

    private double Step(int[] indices, int stepsPerEpoch, RandomSource random)
    {
        TrainingBatch batch = Batch(_data, indices, random);
        Variable loss = _objective.Loss(_tape, _network, batch);
        double value = loss.Data[0];
        if (!double.IsFinite(value)) throw new Model.ModelException(Model.ModelErrorKind.InvalidData, _network.Graph.Name, $"the loss became {value} at step {_optimizer.Steps + 1}; a smaller learning rate or a gradient limit helps");
        _tape.Backward(loss);
        if (_options.GradientLimit > 0) Optimizer.ClipGradients(_parameters, _options.GradientLimit);
        _optimizer.Step(_options.Schedule.At(_optimizer.Steps, stepsPerEpoch * _options.Epochs));
        _network.Constrain();
        _average?.Update();
        _tape.Reset();
        return value;
    }

    private TrainingBatch Batch(Dataset data, int[] indices, RandomSource? augment)
    {
        Variable input = _tape.New(_sample.With(0, indices.Length * _sample[0]), false);
        for (int i = 0; i < indices.Length; i++)
        {
            Span<float> sample = input.Data.AsSpan(i * data.SampleLength, data.SampleLength);
            data[indices[i]].CopyTo(sample);
            if (augment is not null) _options.Augment?.Invoke(sample, augment);
        }
        return new TrainingBatch(input, indices, data.Labels.Length == 0 ? [] : Array.ConvertAll(indices, i => data.Labels.Span[i]));
    }
}
