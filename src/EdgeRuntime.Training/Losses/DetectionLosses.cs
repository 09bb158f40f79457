using EdgeRuntime.Tensors;

namespace EdgeRuntime.Training;

/// <summary>Losses of object detectors, over anchors or cells.</summary>
public static class DetectionLosses
{
    /// <summary>
    /// Focal loss of independent sigmoids (Lin et al. 2017): Σ −α_t (1 − p_t)^γ log p_t, divided by the number of positive
    /// targets. <paramref name="targets"/> are 0 or 1, or −1 for anchors that don't count.
    /// </summary>
    public static Variable Focal(this Tape tape, Variable logits, ReadOnlySpan<float> targets, float alpha = 0.25f, float gamma = 2)
    {
        if (targets.Length != logits.Count) throw new ArgumentException($"{targets.Length} targets for {logits}", nameof(targets));
        float[] slopes = tape.Rent(logits.Count);
        int positives = 0;
        double sum = 0;
        for (int i = 0; i < slopes.Length; i++)
        {
            slopes[i] = 0;
            if (targets[i] < 0) continue;
            bool isPositive = targets[i] > 0.5f;
            if (isPositive) positives++;
            float sign = isPositive ? 1 : -1, z = sign * logits.Data[i], weight = isPositive ? alpha : 1 - alpha;
            // log p_t = −softplus(−z), stable for all z.
            float log = -MathF.Max(-z, 0) - MathF.Log(1 + MathF.Exp(-MathF.Abs(z))), p = MathF.Exp(log), focus = MathF.Pow(1 - p, gamma);
            sum -= weight * focus * (double)log;
            slopes[i] = sign * weight * focus * (gamma * p * log - (1 - p));
        }
        float norm = 1f / Math.Max(1, positives);
        Variable loss = tape.New(TensorShape.Scalar, logits.RequiresGradient);
        loss.Data[0] = (float)(sum * norm);
        return tape.Record(loss, dl => VectorMath.AddScaled(dl[0] * norm, slopes, tape.GradientOf(logits)));
    }

    /// <summary>
    /// Smooth L1 (Girshick 2015) of box offsets [A,4] on the anchors where <paramref name="isPositive"/>, their mean.
    /// </summary>
    public static Variable SmoothL1(this Tape tape, Variable boxes, ReadOnlySpan<float> targets, ReadOnlySpan<bool> isPositive, float beta = 1)
    {
        int width = boxes.Shape[-1], positives = 0;
        if (targets.Length != boxes.Count || isPositive.Length * width != boxes.Count) throw new ArgumentException($"{targets.Length} targets and {isPositive.Length} flags for {boxes}", nameof(targets));
        float[] slopes = tape.Rent(boxes.Count);
        double sum = 0;
        for (int i = 0; i < slopes.Length; i++)
        {
            slopes[i] = 0;
            if (!isPositive[i / width]) continue;
            if (i % width == 0) positives++;
            float d = boxes.Data[i] - targets[i], size = MathF.Abs(d);
            sum += size < beta ? d * d / (2 * beta) : size - beta / 2;
            slopes[i] = size < beta ? d / beta : MathF.Sign(d);
        }
        float norm = 1f / Math.Max(1, positives);
        Variable loss = tape.New(TensorShape.Scalar, boxes.RequiresGradient);
        loss.Data[0] = (float)(sum * norm);
        return tape.Record(loss, dl => VectorMath.AddScaled(dl[0] * norm, slopes, tape.GradientOf(boxes)));
    }
}
