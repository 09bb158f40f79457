using EdgeRuntime.Tensors;

namespace EdgeRuntime.Training;

/// <summary>
/// Connectionist temporal classification (Graves et al. 2006): −log of the summed probability of all alignments of a label
/// sequence, by the forward-backward algorithm in the log domain, class 0 being the blank.
/// </summary>
public static class CtcLoss
{
    private const double Never = double.NegativeInfinity;

    /// <summary>
    /// <paramref name="logits"/> [T,N,C]; the labels of each of the N sequences, 1 to C−1; optionally the frames of each that
    /// count. Mean over the batch; a sequence too short for its labels gives no loss.
    /// </summary>
    public static Variable Ctc(this Tape tape, Variable logits, IReadOnlyList<int[]> labels, int[]? lengths = null)
    {
        int steps = logits.Shape[0], batch = logits.Shape[1], classes = logits.Shape[2];
        if (labels.Count != batch) throw new ArgumentException($"{labels.Count} label sequences for a batch of {batch}", nameof(labels));
        Variable loss = tape.New(TensorShape.Scalar, logits.RequiresGradient);
        // d loss / d logits of each sequence, written at once: it comes from the same two passes.
        float[] slopes = tape.Rent(logits.Count);
        Array.Clear(slopes);
        double[] losses = new double[batch];
        tape.For(batch, (from, end, _) =>
        {
            for (int n = from; n < end; n++)
                losses[n] = Sequence(logits.Data, slopes, n, batch, classes, Math.Min(steps, lengths?[n] ?? steps), labels[n]);
        });
        loss.Data[0] = (float)(losses.Sum() / batch);
        return tape.Record(loss, dl => VectorMath.AddScaled(dl[0] / batch, slopes, tape.GradientOf(logits)));
    }

    /// <summary>The labels of the best path: the largest class of each frame, repeats merged, blanks removed.</summary>
    public static int[] BestPath(ReadOnlySpan<float> logits, int classes)
    {
        List<int> result = [];
        int last = 0;
        for (int at = 0; at + classes <= logits.Length; at += classes)
        {
            int best = 0;
            for (int c = 1; c < classes; c++)
                if (logits[at + c] > logits[at + best]) best = c;
            if (best != 0 && best != last) result.Add(best);
            last = best;
        }
        return [.. result];
    }

    private static double Sequence(float[] logits, float[] slopes, int n, int batch, int classes, int steps, int[] labels)
    {
        foreach (int label in labels)
            if (label < 1 || label >= classes) throw new ArgumentException($"label {label} of a sequence; 1 to {classes - 1} expected (0 is the blank)");
        int states = 2 * labels.Length + 1;
        double[] logs = new double[steps * classes], forward = new double[steps * states], backward = new double[steps * states];
        for (int t = 0; t < steps; t++)
        {
            ReadOnlySpan<float> row = logits.AsSpan((t * batch + n) * classes, classes);
            float norm = VectorMath.LogSumExp(row);
            for (int c = 0; c < classes; c++) logs[t * classes + c] = row[c] - norm;
        }
        // States alternate between blank and labels; a label may be entered from the one before it if they differ.
        int Class(int s) => s % 2 == 0 ? 0 : labels[s / 2];
        bool MaySkip(int s) => s % 2 == 1 && s >= 3 && labels[s / 2] != labels[s / 2 - 1];
        Array.Fill(forward, Never);
        Array.Fill(backward, Never);
        for (int t = 0; t < steps; t++)
            for (int s = 0; s < states; s++)
            {
                double sum = t == 0 ? (s < 2 ? 0 : Never) : forward[(t - 1) * states + s];
                if (t > 0 && s > 0) sum = LogAdd(sum, forward[(t - 1) * states + s - 1]);
                if (t > 0 && MaySkip(s)) sum = LogAdd(sum, forward[(t - 1) * states + s - 2]);
                forward[t * states + s] = sum + logs[t * classes + Class(s)];
            }
        for (int t = steps - 1; t >= 0; t--)
            for (int s = states - 1; s >= 0; s--)
            {
                double sum = t == steps - 1 ? (s >= states - 2 ? 0 : Never) : Later(t + 1, s);
                if (t < steps - 1 && s + 1 < states) sum = LogAdd(sum, Later(t + 1, s + 1));
                if (t < steps - 1 && s + 2 < states && MaySkip(s + 2)) sum = LogAdd(sum, Later(t + 1, s + 2));
                backward[t * states + s] = sum;
            }
        double Later(int t, int s) => backward[t * states + s] + logs[t * classes + Class(s)];

        double total = steps == 0 ? Never : forward[steps * states - 1];
        if (steps > 0 && states > 1) total = LogAdd(total, forward[steps * states - 2]);
        if (double.IsNegativeInfinity(total)) return 0;
        for (int t = 0; t < steps; t++)
        {
            Span<float> slope = slopes.AsSpan((t * batch + n) * classes, classes);
            for (int c = 0; c < classes; c++) slope[c] = (float)Math.Exp(logs[t * classes + c]);
            for (int s = 0; s < states; s++) slope[Class(s)] -= (float)Math.Exp(forward[t * states + s] + backward[t * states + s] - total);
        }
        return -total;
    }

    private static double LogAdd(double a, double b)
    {
        if (a < b) (a, b) = (b, a);
        return double.IsNegativeInfinity(b) ? a : a + Math.Log(1 + Math.Exp(b - a));
    }
}
