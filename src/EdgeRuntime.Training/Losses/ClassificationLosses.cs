using EdgeRuntime.Tensors;

namespace EdgeRuntime.Training;

/// <summary>Losses of classifiers and regressions; each is the mean over the batch, a scalar.</summary>
public static class ClassificationLosses
{
    /// <summary>
    /// Cross-entropy of softmax(<paramref name="logits"/> [N,C]) with class numbers. With <paramref name="smoothing"/> s the
    /// targets are 1 − s + s/C and s/C (Szegedy et al. 2016). Labels below 0 are left out.
    /// </summary>
    public static Variable CrossEntropy(this Tape tape, Variable logits, ReadOnlySpan<int> labels, float smoothing = 0)
    {
        int classes = logits.Shape[-1], rows = logits.Count / classes;
        if (labels.Length != rows) throw new ArgumentException($"{labels.Length} labels for {rows} rows of logits", nameof(labels));
        float[] targets = tape.Rent(logits.Count);
        Array.Fill(targets, smoothing / classes);
        for (int r = 0; r < rows; r++)
        {
            if (labels[r] >= classes) throw new ArgumentException($"label {labels[r]} of {classes} classes", nameof(labels));
            if (labels[r] < 0) targets.AsSpan(r * classes, classes).Clear();
            else targets[r * classes + labels[r]] += 1 - smoothing;
        }
        return CrossEntropy(tape, logits, targets);
    }

    /// <summary>Cross-entropy of softmax(<paramref name="logits"/> [N,C]) with target probabilities [N,C]; rows of zeros are left out.</summary>
    public static Variable CrossEntropy(this Tape tape, Variable logits, float[] targets) => SoftCrossEntropy(tape, logits, targets, 1, 1);

    /// <summary>
    /// Kullback-Leibler divergence of softmax(student / T) from softmax(teacher / T), times T² (Hinton, Vinyals and Dean
    /// 2015). No gradient flows to the teacher.
    /// </summary>
    public static Variable KullbackLeibler(this Tape tape, Variable student, Variable teacher, float temperature = 1)
    {
        int classes = student.Shape[-1];
        if (student.Shape != teacher.Shape) throw new ArgumentException($"student {student.Shape}, teacher {teacher.Shape}");
        float[] targets = tape.Rent(student.Count);
        double entropy = 0;
        for (int i = 0; i < targets.Length; i++) targets[i] = teacher.Data[i] / temperature;
        for (int r = 0; r < targets.Length; r += classes)
        {
            Span<float> row = targets.AsSpan(r, classes);
            SoftmaxOperator.Row(row, row);
            foreach (float p in row) entropy -= p > 0 ? p * Math.Log(p) : 0;
        }
        float weight = temperature * temperature;
        Variable loss = SoftCrossEntropy(tape, student, targets, 1 / temperature, weight);
        loss.Data[0] -= (float)(weight * entropy / (targets.Length / classes));
        return loss;
    }

    /// <summary>Mean of the squared differences; no gradient flows to <paramref name="target"/>.</summary>
    public static Variable MeanSquaredError(this Tape tape, Variable x, Variable target)
    {
        if (x.Count != target.Count) throw new ArgumentException($"{x} against {target}");
        Variable loss = tape.New(TensorShape.Scalar, x.RequiresGradient);
        double sum = 0;
        for (int i = 0; i < x.Count; i++) sum += (x.Data[i] - target.Data[i]) * (double)(x.Data[i] - target.Data[i]);
        loss.Data[0] = (float)(sum / x.Count);
        return tape.Record(loss, dl =>
        {
            float[] dx = tape.GradientOf(x);
            float factor = 2 * dl[0] / x.Count;
            for (int i = 0; i < dx.Length; i++) dx[i] += factor * (x.Data[i] - target.Data[i]);
        });
    }

    /// <summary>weight · mean over rows of −Σ targets · log softmax(scale · logits).</summary>
    private static Variable SoftCrossEntropy(Tape tape, Variable logits, float[] targets, float scale, float weight)
    {
        int classes = logits.Shape[-1], rows = logits.Count / classes, counted = 0;
        float[] probabilities = tape.Rent(logits.Count);
        double sum = 0;
        for (int r = 0; r < rows; r++)
        {
            ReadOnlySpan<float> target = targets.AsSpan(r * classes, classes);
            Span<float> p = probabilities.AsSpan(r * classes, classes);
            for (int c = 0; c < classes; c++) p[c] = scale * logits.Data[r * classes + c];
            float norm = VectorMath.LogSumExp(p);
            bool counts = false;
            for (int c = 0; c < classes; c++)
            {
                sum -= target[c] * (double)(p[c] - norm);
                counts |= target[c] != 0;
                p[c] = MathF.Exp(p[c] - norm);
            }
            if (counts) counted++;
        }
        float mean = weight / Math.Max(1, counted);
        Variable loss = tape.New(TensorShape.Scalar, logits.RequiresGradient);
        loss.Data[0] = (float)(sum * mean);
        return tape.Record(loss, dl =>
        {
            float[] dx = tape.GradientOf(logits);
            for (int r = 0; r < rows; r++)
            {
                ReadOnlySpan<float> target = targets.AsSpan(r * classes, classes);
                float total = 0;
                foreach (float t in target) total += t;
                for (int c = 0; c < classes; c++) dx[r * classes + c] += dl[0] * mean * scale * (total * probabilities[r * classes + c] - target[c]);
            }
        });
    }
}
