using EdgeRuntime.Tensors;

namespace EdgeRuntime.Training;

/// <summary>Losses for embeddings that are compared by distance or angle.</summary>
public static class MetricLosses
{
    /// <summary>x / ‖x‖ over the last axis.</summary>
    public static Variable Normalize(this Tape tape, Variable x)
    {
        int width = x.Shape[-1], rows = x.Count / width;
        float[] inverse = tape.Rent(rows);
        Variable y = tape.New(x.Shape, x.RequiresGradient);
        for (int r = 0; r < rows; r++)
        {
            ReadOnlySpan<float> row = x.Data.AsSpan(r * width, width);
            inverse[r] = 1 / MathF.Max(1e-12f, MathF.Sqrt(VectorMath.Dot(row, row)));
            for (int i = 0; i < width; i++) y.Data[r * width + i] = row[i] * inverse[r];
        }
        return tape.Record(y, dy =>
        {
            float[] dx = tape.GradientOf(x);
            for (int r = 0; r < rows; r++)
            {
                ReadOnlySpan<float> u = y.Data.AsSpan(r * width, width), g = dy.AsSpan(r * width, width);
                float along = VectorMath.Dot(u, g);
                for (int i = 0; i < width; i++) dx[r * width + i] += inverse[r] * (g[i] - along * u[i]);
            }
        });
    }

    /// <summary>
    /// Triplet loss with the hardest positive and negative of each anchor in the batch (Hermans, Beyer and Leibe 2017):
    /// mean of max(0, margin + d(a, p) − d(a, n)), d the squared distance. Embeddings [N,D], usually normalised.
    /// </summary>
    public static Variable Triplet(this Tape tape, Variable embeddings, ReadOnlySpan<int> labels, float margin = 0.2f)
    {
        int rows = embeddings.Shape[0], width = embeddings.Shape[1];
        List<(int Anchor, int Positive, int Negative)> active = [];
        double sum = 0;
        for (int a = 0; a < rows; a++)
        {
            int positive = -1, negative = -1;
            float farthest = float.NegativeInfinity, nearest = float.PositiveInfinity;
            for (int b = 0; b < rows; b++)
            {
                if (b == a) continue;
                float d = Distance(embeddings.Data, a, b, width);
                if (labels[a] == labels[b] && d > farthest) (farthest, positive) = (d, b);
                if (labels[a] != labels[b] && d < nearest) (nearest, negative) = (d, b);
            }
            if (positive < 0 || negative < 0 || margin + farthest - nearest <= 0) continue;
            sum += margin + farthest - nearest;
            active.Add((a, positive, negative));
        }
        Variable loss = tape.New(TensorShape.Scalar, embeddings.RequiresGradient);
        loss.Data[0] = (float)(sum / rows);
        return tape.Record(loss, dl =>
        {
            float[] e = embeddings.Data, de = tape.GradientOf(embeddings);
            float factor = 2 * dl[0] / rows;
            foreach (var (a, p, n) in active)
                for (int i = 0; i < width; i++)
                {
                    float x = e[a * width + i], y = e[p * width + i], z = e[n * width + i];
                    de[a * width + i] += factor * (z - y);
                    de[p * width + i] += factor * (y - x);
                    de[n * width + i] += factor * (x - z);
                }
        });
    }

    /// <summary>
    /// Additive angular margin (ArcFace; Deng et al. 2019): cross-entropy of scale·cos θ, the angle to the right class's
    /// centre enlarged by <paramref name="margin"/> radians. Embeddings [N,D], class centres [C,D]; both are normalised here.
    /// </summary>
    public static Variable ArcFace(this Tape tape, Variable embeddings, Variable centres, ReadOnlySpan<int> labels, float margin = 0.5f, float scale = 30)
    {
        int[] own = labels.ToArray();
        Variable cosines = tape.Dense(tape.Normalize(embeddings), tape.Normalize(centres));
        Variable logits = tape.New(cosines.Shape, cosines.RequiresGradient);
        int classes = cosines.Shape[1];
        // Beyond π − margin cos(θ + m) would rise again; a line with the same slope at the seam goes on instead.
        float cosM = MathF.Cos(margin), sinM = MathF.Sin(margin), seam = MathF.Cos(MathF.PI - margin);
        float[] slopes = tape.Rent(cosines.Count);
        for (int i = 0; i < slopes.Length; i++)
        {
            float cos = Math.Clamp(cosines.Data[i], -1 + 1e-6f, 1 - 1e-6f), sin = MathF.Sqrt(1 - cos * cos);
            bool isOwn = own[i / classes] == i % classes;
            logits.Data[i] = scale * (!isOwn ? cos : cos > seam ? cos * cosM - sin * sinM : cos - sinM * margin);
            slopes[i] = scale * (isOwn && cos > seam ? cosM + cos * sinM / sin : 1);
        }
        tape.Record(logits, dy => VectorMath.AddProduct(dy, slopes, tape.GradientOf(cosines)));
        return tape.CrossEntropy(logits, own);
    }

    private static float Distance(float[] e, int a, int b, int width)
    {
        float sum = 0;
        for (int i = 0; i < width; i++)
        {
            float d = e[a * width + i] - e[b * width + i];
            sum += d * d;
        }
        return sum;
    }
}
