using EdgeRuntime.Tensors;

namespace EdgeRuntime.Cli;

/// <summary>
/// Made-up "words" for the demonstration: pictures of 49 frames × 10 frequency bands, like those that a keyword network
/// sees. A word is a line that the voice's pitch follows; each sample bends it in time and pitch, adds an overtone and noise.
/// </summary>
/// <param name="Inputs">Float32 [samples, 49, 10, 1].</param>
/// <param name="Labels">Int32 [samples], the words' numbers.</param>
internal sealed record DemoData(Tensor Inputs, Tensor Labels)
{
    public const int Frames = 49, Bands = 10;

    // The band that the voice is in at the start, at the three quarters and at the end of each word.
    private static readonly float[][] Words =
    [
        [1, 3, 5, 7, 8], [8, 7, 5, 3, 1], [2, 5, 7, 5, 2], [7, 5, 2, 5, 7], [4, 4, 4, 4, 4], [2, 2, 5, 7, 7], [7, 7, 5, 2, 2], [2, 7, 2, 7, 2],
    ];

    /// <summary>Number of words.</summary>
    public static int Classes => Words.Length;

    /// <summary>Makes samples; the same ones for the same seed.</summary>
    public static DemoData Make(int samples, int seed)
    {
        Random random = new(seed);
        float[] inputs = new float[samples * Frames * Bands];
        int[] labels = new int[samples];
        for (int s = 0; s < samples; s++)
        {
            labels[s] = s % Classes;
            Speak(Words[labels[s]], random, inputs.AsSpan(s * Frames * Bands, Frames * Bands));
        }
        return new DemoData(Tensor.From<float>(new TensorShape(samples, Frames, Bands, 1), inputs), Tensor.Vector<int>(labels));
    }

    private static void Speak(float[] word, Random random, Span<float> picture)
    {
        float start = Uniform(random, 4, 10), length = Uniform(random, 28, 36), pitch = Uniform(random, -0.6f, 0.6f), stretch = Uniform(random, 0.85f, 1.1f);
        float loudness = Uniform(random, 1, 3), overtone = Uniform(random, 0.2f, 0.7f), noise = Uniform(random, 0.2f, 0.6f);
        for (int t = 0; t < Frames; t++)
        {
            float place = (t - start) / length * (word.Length - 1);
            bool isSpoken = place >= 0 && place <= word.Length - 1;
            int knot = Math.Clamp((int)place, 0, word.Length - 2);
            float centre = 4.5f + pitch + stretch * (word[knot] + (place - knot) * (word[knot + 1] - word[knot]) - 4.5f);
            for (int b = 0; b < Bands; b++)
            {
                float energy = isSpoken ? loudness * (Bump(b - centre) + overtone * Bump(b - centre - 4)) : 0;
                picture[t * Bands + b] = energy + noise * Gaussian(random);
            }
        }
    }

    private static float Bump(float distance) => MathF.Exp(-distance * distance);

    private static float Uniform(Random random, float low, float high) => low + (high - low) * random.NextSingle();

    // Box and Muller 1958.
    private static float Gaussian(Random random) => MathF.Sqrt(-2 * MathF.Log(1 - random.NextSingle())) * MathF.Cos(2 * MathF.PI * random.NextSingle());
}
