using EdgeRuntime.Model;
using EdgeRuntime.Training;

namespace EdgeRuntime.Compressor;

/// <summary>How much a network loses with each set of channels that go together.</summary>
internal static class ChannelImportance
{
    /// <summary>Samples of a step: few, as squares are taken of sums over them.</summary>
    private const int TaylorBatch = 8;

    /// <summary>Samples of a step where the loss alone is asked for: enough for statistics of batch normalisation.</summary>
    private const int LossBatch = 64;

    /// <summary>
    /// By size: √(makes · filters · reads), each the mean over the constants of that role of the channel's norm over the
    /// constant's mean norm. The product does not depend on how the network's scale is split between a layer and the next one,
    /// and is 0 for channels that nothing makes or nothing reads. A layer's norm is that of its weights times what the batch
    /// normalisation after it multiplies by. (Li et al., "Pruning filters for efficient ConvNets", 2017.)
    /// </summary>
    /// <param name="dependencies">The channels.</param>
    /// <param name="squares">Root mean squares instead of mean absolutes.</param>
    public static double[] BySize(ChannelDependencies dependencies, bool squares)
    {
        Dictionary<ValueInfo, float[]> scales = BatchScales.Of(dependencies.Graph);
        double[] result = Enumerable.Repeat(1.0, dependencies.Slots.Count).ToArray();
        foreach (ChannelRole role in (ChannelRole[])[ChannelRole.Makes, ChannelRole.Filters, ChannelRole.Reads])
        {
            (double[] sums, double[] counts) = (new double[result.Length], new double[result.Length]);
            foreach (ChannelUse use in dependencies.Uses.Where(u => u.Role == role))
            {
                float[]? scale = role == ChannelRole.Reads ? null : scales.GetValueOrDefault(use.Node.Output);
                double[] norms = Norms(use, squares, scale);
                double mean = norms.Average();
                for (int i = 0; i < norms.Length; i++)
                {
                    sums[dependencies.Slots.Find(use.Slots[i])] += mean > 0 ? norms[i] / mean : 0;
                    counts[dependencies.Slots.Find(use.Slots[i])]++;
                }
            }
            for (int s = 0; s < result.Length; s++)
                if (counts[s] > 0) result[s] *= sums[s] / counts[s];
        }
        return Array.ConvertAll(result, Math.Sqrt);
    }

    /// <summary>By the scale of batch normalisation: mean |γ|. (Liu et al., "Learning efficient convolutional networks through network slimming", 2017.)</summary>
    /// <exception cref="ModelException">No channel that can be removed is normalised.</exception>
    public static double[] ByGamma(ChannelDependencies dependencies)
    {
        (double[] sums, double[] counts) = (new double[dependencies.Slots.Count], new double[dependencies.Slots.Count]);
        foreach (ChannelUse use in dependencies.Uses.Where(u => u is { Node.Type: OperatorType.BatchNormalization, Input: 1 }))
        {
            float[] gamma = use.Constant.Constant!.ToFloats();
            for (int i = 0; i < gamma.Length; i++)
            {
                sums[dependencies.Slots.Find(use.Slots[i])] += Math.Abs(gamma[i]);
                counts[dependencies.Slots.Find(use.Slots[i])]++;
            }
        }
        if (!dependencies.Groups.Any(g => g.Channels.Any(c => counts[c] > 0)))
            throw new ModelException(ModelErrorKind.InvalidData, "prune-channels", "importance gamma needs batch normalisation, which this network has none of (any more); take l1, l2 or taylor, or the network as it was trained");
        // What is not normalised is as important as the rest on average.
        double mean = sums.Sum() / counts.Sum();
        return [.. sums.Zip(counts, (s, n) => n > 0 ? s / n : mean)];
    }

    /// <summary>
    /// By the change of the loss, to first order, when the channel is cut off: the mean over small batches of (Σ g · w)² over
    /// what makes it. (Molchanov et al., "Importance estimation for neural network pruning", 2019.)
    /// </summary>
    public static double[] ByTaylor(ChannelDependencies dependencies, Dataset data, int samples, PassContext context)
    {
        TrainableNetwork network = new(dependencies.Graph);
        ChannelUse[] uses = [.. dependencies.Uses.Where(u => u.Role is ChannelRole.Makes or ChannelRole.Filters or ChannelRole.Adjusts)];
        Tape tape = new(context.Threads, context.Seed);
        double[] result = new double[dependencies.Slots.Count], sums = new double[result.Length];
        int[] order = [.. Enumerable.Range(0, data.Count)];
        new RandomSource((ulong)context.Seed).Shuffle(order.AsSpan());
        int steps = Math.Max(1, Math.Min(samples, data.Count) / TaylorBatch);
        for (int step = 0; step < steps; step++)
        {
            context.Cancel.ThrowIfCancellationRequested();
            context.Progress?.Invoke($"prune-channels: importance, step {step + 1}/{steps}");
            int[] batch = [.. Enumerable.Range(step * TaylorBatch, TaylorBatch).Select(i => order[i % order.Length])];
            tape.Backward(Loss(network, tape, data, batch));
            Array.Clear(sums);
            foreach (ChannelUse use in uses) AddProducts(dependencies.Slots, use, network[use.Constant], sums);
            for (int s = 0; s < sums.Length; s++) result[s] += sums[s] * sums[s] / steps;
            tape.Reset();
        }
        return result;
    }

    /// <summary>The mean loss of <paramref name="graph"/> on the first samples, with the statistics of each batch, as those from before the channels went don't hold.</summary>
    public static double Loss(Graph graph, Dataset data, int samples, PassContext context)
    {
        TrainableNetwork network = new(graph);
        Tape tape = new(context.Threads, context.Seed);
        double sum = 0;
        int[][] batches = [.. Enumerable.Range(0, Math.Min(samples, data.Count)).Chunk(LossBatch)];
        foreach (int[] batch in batches)
        {
            context.Cancel.ThrowIfCancellationRequested();
            sum += Loss(network, tape, data, batch).Data[0] * batch.Length;
            tape.Reset();
        }
        return sum / batches.Sum(b => b.Length);
    }

    private static Variable Loss(TrainableNetwork network, Tape tape, Dataset data, int[] batch)
    {
        float[] samples = [.. batch.SelectMany(i => data[i].ToArray())];
        Variable input = tape.Constant(network.Graph.Inputs[0].Shape.With(0, batch.Length), samples);
        Variable output = network.Forward(tape, [input], network.Logits)[0];
        return data.Labels.Length > 0 ? tape.CrossEntropy(output, Array.ConvertAll(batch, i => data.Labels.Span[i])) : tape.MeanSquaredError(output, input);
    }

    private static void AddProducts(ChannelSlots slots, ChannelUse use, Variable constant, double[] sums)
    {
        if (constant.Gradient is not { } gradient) return;
        int inner = (int)constant.Shape.CountOf(use.Axis + 1, constant.Shape.Rank);
        for (int i = 0; i < constant.Count; i++) sums[slots.Find(use.Slots[i / inner % use.Slots.Length])] += (double)gradient[i] * constant.Data[i];
    }

    /// <summary>The size of each channel's part of a constant.</summary>
    private static double[] Norms(ChannelUse use, bool squares, float[]? scale)
    {
        float[] values = use.Constant.Constant!.ToFloats();
        double[] norms = new double[use.Slots.Length];
        int inner = (int)use.Constant.Shape.CountOf(use.Axis + 1, use.Constant.Shape.Rank);
        for (int i = 0; i < values.Length; i++) norms[i / inner % norms.Length] += squares ? (double)values[i] * values[i] : Math.Abs(values[i]);
        for (int c = 0; c < norms.Length; c++)
        {
            norms[c] = norms[c] / values.Length * norms.Length;
            if (squares) norms[c] = Math.Sqrt(norms[c]);
            if (scale is not null) norms[c] *= Math.Abs(scale[c]);
        }
        return norms;
    }
}
