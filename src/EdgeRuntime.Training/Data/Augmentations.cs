using System.Globalization;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Training;

/// <summary>Changes a sample at random in place; what it means stays the same.</summary>
public delegate void Augmentation(Span<float> sample, RandomSource random);

/// <summary>Augmentations of images, sound features and sequences. Samples are row-major; images [H,W,C].</summary>
public static class Augmentations
{
    /// <summary>All of <paramref name="steps"/>, in order.</summary>
    public static Augmentation All(params Augmentation[] steps) => (sample, random) =>
    {
        foreach (Augmentation step in steps) step(sample, random);
    };

    /// <summary>
    /// An augmentation as text: <c>mirror</c>, <c>shift:ROWS[,COLUMNS]</c>, <c>cutout:SIZE</c>, <c>noise:DEVIATION</c>,
    /// <c>gain:LOW,HIGH</c>, <c>offset:RANGE</c>, <c>specaugment:FRAMES,BANDS</c>, <c>stretch:SHARE</c>.
    /// </summary>
    /// <param name="text">Name, and numbers after a colon.</param>
    /// <param name="input">The network's input: [1,H,W,C], or [1,steps,width] for sequences.</param>
    /// <exception cref="ArgumentException">There is no such augmentation, or not with these numbers.</exception>
    public static Augmentation Parse(string text, TensorShape input)
    {
        string[] parts = text.Split(':', 2);
        float[] n = parts.Length == 1 ? [] : [.. parts[1].Split(',').Select(p => float.TryParse(p, NumberStyles.Float, CultureInfo.InvariantCulture, out float v) && float.IsFinite(v) && v >= 0
            ? v : throw new ArgumentException($"augmentation \"{text}\": '{p}' is no number of at least 0"))];
        int height = input.Rank > 1 ? input[1] : 1, width = input.Rank > 2 ? input[2] : 1, channels = input.Rank > 3 ? input[3] : 1;
        return (parts[0], n.Length) switch
        {
            ("mirror", 0) => Mirror(height, width, channels),
            ("shift", 1) => Shift(height, width, channels, (int)n[0], 0),
            ("shift", 2) => Shift(height, width, channels, (int)n[0], (int)n[1]),
            ("cutout", 1) => Cutout(height, width, channels, (int)n[0]),
            ("noise", 1) => Noise(n[0]),
            ("gain", 2) => Gain(n[0], n[1]),
            ("offset", 1) => Offset(n[0]),
            ("specaugment", 2) => SpecAugment(height, width * channels, Math.Min((int)n[0], height), Math.Min((int)n[1], width * channels)),
            ("stretch", 1) => TimeStretch(height, width * channels, n[0]),
            _ => throw new ArgumentException($"no augmentation \"{text}\"; known: mirror, shift:ROWS[,COLUMNS], cutout:SIZE, noise:DEVIATION, gain:LOW,HIGH, offset:RANGE, specaugment:FRAMES,BANDS, stretch:SHARE"),
        };
    }

    /// <summary>Applies <paramref name="inner"/>, which wants channels last, to images with <paramref name="channels"/> channels first.</summary>
    public static Augmentation ChannelsFirst(int channels, Augmentation inner) => (sample, random) =>
    {
        int pixels = sample.Length / channels;
        float[] turned = new float[sample.Length];
        for (int i = 0; i < turned.Length; i++) turned[i] = sample[i % channels * pixels + i / channels];
        inner(turned, random);
        for (int i = 0; i < turned.Length; i++) sample[i % channels * pixels + i / channels] = turned[i];
    };

    /// <summary>Mirrors an image left to right, every second time.</summary>
    public static Augmentation Mirror(int height, int width, int channels) => (sample, random) =>
    {
        if (random.Next(2) == 0) return;
        for (int y = 0; y < height; y++)
            for (int left = 0, right = width - 1; left < right; left++, right--)
                for (int c = 0; c < channels; c++)
                {
                    int a = (y * width + left) * channels + c, b = (y * width + right) * channels + c;
                    (sample[a], sample[b]) = (sample[b], sample[a]);
                }
    };

    /// <summary>
    /// Moves an image by up to the given rows and columns; what enters is <paramref name="fill"/>. For features [time, band]
    /// with <paramref name="columns"/> 0 it is a shift in time.
    /// </summary>
    public static Augmentation Shift(int height, int width, int channels, int rows, int columns, float fill = 0) => (sample, random) =>
    {
        int dy = random.Next(2 * rows + 1) - rows, dx = random.Next(2 * columns + 1) - columns;
        float[] source = sample.ToArray();
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++)
            {
                Span<float> to = sample.Slice((y * width + x) * channels, channels);
                if ((uint)(y - dy) < (uint)height && (uint)(x - dx) < (uint)width) source.AsSpan(((y - dy) * width + x - dx) * channels, channels).CopyTo(to);
                else to.Fill(fill);
            }
    };

    /// <summary>Sets a square of up to <paramref name="size"/> pixels to <paramref name="fill"/> (DeVries and Taylor 2017).</summary>
    public static Augmentation Cutout(int height, int width, int channels, int size, float fill = 0) => (sample, random) =>
    {
        int y0 = random.Next(height) - size / 2, x0 = random.Next(width) - size / 2;
        for (int y = Math.Max(0, y0); y < Math.Min(height, y0 + size); y++)
            for (int x = Math.Max(0, x0); x < Math.Min(width, x0 + size); x++) sample.Slice((y * width + x) * channels, channels).Fill(fill);
    };

    /// <summary>Adds normal noise with a deviation of up to <paramref name="deviation"/>.</summary>
    public static Augmentation Noise(float deviation) => (sample, random) =>
    {
        float d = random.NextSingle() * deviation;
        foreach (ref float v in sample) v += d * random.Gaussian();
    };

    /// <summary>Multiplies by a factor in [<paramref name="low"/>, <paramref name="high"/>): loudness, brightness.</summary>
    public static Augmentation Gain(float low, float high) => (sample, random) =>
    {
        float factor = random.Uniform(low, high);
        foreach (ref float v in sample) v *= factor;
    };

    /// <summary>Adds the same number in [−<paramref name="range"/>, <paramref name="range"/>): loudness of logarithmic features.</summary>
    public static Augmentation Offset(float range) => (sample, random) =>
    {
        float offset = random.Uniform(-range, range);
        foreach (ref float v in sample) v += offset;
    };

    /// <summary>
    /// Masks up to <paramref name="maxFrames"/> frames and <paramref name="maxBands"/> bands of features [frames, bands] with
    /// their mean (SpecAugment; Park et al. 2019).
    /// </summary>
    public static Augmentation SpecAugment(int frames, int bands, int maxFrames, int maxBands) => (sample, random) =>
    {
        float mean = 0;
        foreach (float v in sample) mean += v / sample.Length;
        int f = random.Next(maxFrames + 1), first = random.Next(frames - f + 1), b = random.Next(maxBands + 1), low = random.Next(bands - b + 1);
        sample.Slice(first * bands, f * bands).Fill(mean);
        for (int t = 0; t < frames; t++) sample.Slice(t * bands + low, b).Fill(mean);
    };

    /// <summary>Plays a sequence [steps, width] faster or slower by up to <paramref name="share"/>, about its middle, by linear interpolation.</summary>
    public static Augmentation TimeStretch(int steps, int width, float share) => (sample, random) =>
    {
        float speed = random.Uniform(1 - share, 1 + share), middle = (steps - 1) / 2f;
        float[] source = sample.ToArray();
        for (int t = 0; t < steps; t++)
        {
            float at = Math.Clamp(middle + (t - middle) * speed, 0, steps - 1);
            int from = Math.Min((int)at, Math.Max(0, steps - 2)), next = Math.Min(from + 1, steps - 1);
            for (int i = 0; i < width; i++)
                sample[t * width + i] = source[from * width + i] + (at - from) * (source[next * width + i] - source[from * width + i]);
        }
    };
}
