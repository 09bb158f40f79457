using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using EdgeRuntime.Training;

namespace EdgeRuntime.Compressor;

/// <summary>Options that all passes share that train.</summary>
public abstract record TuningOptions
{
    /// <summary>Passes over the training samples.</summary>
    public int Epochs { get; set; } = 5;

    /// <summary>Peak of the learning rate.</summary>
    public double Rate { get; set; } = 5e-4;

    /// <summary>How the rate falls: <c>cosine</c>, <c>constant</c>, or <c>step:FACTOR,AT,…</c>; <see cref="LearningRateSchedule.Parse"/>.</summary>
    public string Schedule { get; set; } = "cosine";

    /// <summary>Share of the steps over which the rate rises from 0.</summary>
    public double Warmup { get; set; } = 0.05;

    /// <summary>Samples of a step.</summary>
    public int Batch { get; set; } = 64;

    /// <summary><c>adam</c>, or <c>sgd</c> with momentum.</summary>
    public string Optimizer { get; set; } = "adam";

    /// <summary>Decoupled weight decay.</summary>
    public double WeightDecay { get; set; }

    /// <summary>Largest norm of all gradients together; 0 for no limit.</summary>
    public double GradientLimit { get; set; } = 5;

    /// <summary>Decay of the moving average of the parameters that is kept in the end; 0 for none.</summary>
    public double AverageDecay { get; set; }

    /// <summary>Smoothing of the class targets.</summary>
    public double LabelSmoothing { get; set; }

    /// <summary>Epochs without a better validation accuracy after which training ends; 0 for never.</summary>
    public int Patience { get; set; }

    /// <summary>Steps of recurrent layers that gradients flow back through; 0 for all.</summary>
    public int Window { get; set; }

    /// <summary>Random changes of the samples, such as <c>"shift:2,1"</c>; <see cref="Augmentations.Parse"/>.</summary>
    public IReadOnlyList<string> Augment { get; set; } = [];

    /// <summary>Checks what can be checked without data.</summary>
    /// <exception cref="ArgumentException">A number is outside its range, or a name is not known.</exception>
    internal virtual void Check()
    {
        if (Epochs < 1) throw new ArgumentException($"epochs {Epochs} is not at least 1");
        if (Batch < 1) throw new ArgumentException($"batch {Batch} is not at least 1");
        if (!(Rate is > 0 and < 100)) throw new ArgumentException($"rate {Rate} is not in (0, 100)");
        if (!(Warmup is >= 0 and < 1)) throw new ArgumentException($"warmup {Warmup} is not in [0, 1)");
        if (!(AverageDecay is >= 0 and < 1)) throw new ArgumentException($"averageDecay {AverageDecay} is not in [0, 1)");
        if (!(LabelSmoothing is >= 0 and < 1)) throw new ArgumentException($"labelSmoothing {LabelSmoothing} is not in [0, 1)");
        if (!(WeightDecay >= 0 && GradientLimit >= 0 && Patience >= 0 && Window >= 0)) throw new ArgumentException("weightDecay, gradientLimit, patience and window are not negative");
        if (Optimizer is not ("adam" or "sgd")) throw new ArgumentException($"no optimizer \"{Optimizer}\"; known: adam, sgd");
        LearningRateSchedule.Parse(Schedule, 1, 0);
        foreach (string text in Augment) Augmentations.Parse(text, new TensorShape(1, 32, 32, 1));
    }

    /// <summary>The trainer's options for <paramref name="graph"/>, which has one input.</summary>
    internal TrainingOptions ToTraining(PassContext context, string pass, Graph graph) => new()
    {
        Epochs = Epochs,
        BatchSize = Batch,
        Schedule = LearningRateSchedule.Parse(Schedule, (float)Rate, (float)Warmup),
        WeightDecay = (float)WeightDecay,
        UseSgd = Optimizer == "sgd",
        GradientLimit = (float)GradientLimit,
        AverageDecay = (float)AverageDecay,
        LabelSmoothing = (float)LabelSmoothing,
        Patience = Patience,
        Window = Window,
        Augment = Augment.Count == 0 ? null : Augmentation(graph),
        Seed = context.Seed,
        Workers = context.Threads,
        OnProgress = context.Progress is { } show ? p => show($"{pass}: {p}") : null,
    };

    /// <summary>
    /// The random changes, in the layout that the network's first layer reads: ONNX files may have their channels first. What puts the steps
    /// of a sequence before its batch, [1,T,C] to [T,1,C], is no such layout.
    /// </summary>
    private Augmentation Augmentation(Graph graph)
    {
        ValueInfo input = graph.Inputs[0];
        Node? first = graph.Nodes.Find(n => n.Inputs.Contains(input));
        bool moves = first?.Type == OperatorType.Transpose && first.Attributes.Ints("perm").SequenceEqual([0, 2, 3, 1]);
        bool isPicture = moves || (first is { Type: OperatorType.Reshape, Output.Shape.Rank: >= 3 } && first.Output.Shape[0] == input.Shape[0]);
        Augmentation all = Augmentations.All([.. Augment.Select(text => Augmentations.Parse(text, isPicture ? first!.Output.Shape : input.Shape))]);
        return moves ? Augmentations.ChannelsFirst(input.Shape[1], all) : all;
    }
}
