using Xunit;

namespace EdgeRuntime.Sensors.Tests;

/// <summary>Features against the textbook's sums, written out in double precision.</summary>
public sealed class FeatureTests
{
    [Theory]
    [InlineData(16000, 512, 40, 10, 20, 0)]
    [InlineData(8000, 200, 26, 13, 60, 3600)]
    [InlineData(16000, 400, 64, 0, 0, 8000)]
    public void FramesEqualTheDefinition(int rate, int window, int bands, int coefficients, float low, float high)
    {
        FeatureOptions options = new() { SampleRate = rate, Window = window, Bands = bands, Coefficients = coefficients, LowHz = low, HighHz = high };
        Random random = new(4);
        float[] frame = [.. Enumerable.Range(0, window).Select(i => 0.4f * MathF.Sin(i * 0.3f) + 0.2f * random.NextSingle())], energies = new float[bands], features = new float[options.Width];
        FeatureExtractor extractor = new(options);
        extractor.Energies(frame, energies);
        extractor.Features(energies, features);
        double[] expected = Definition(frame, options);
        for (int i = 0; i < features.Length; i++) Assert.Equal(expected[i], features[i], 1e-3);

        long before = GC.GetAllocatedBytesForCurrentThread();
        extractor.Energies(frame, energies);
        extractor.Features(energies, features);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Fact]
    public void ClipsArePutInTheMiddleAndStandardised()
    {
        FeatureOptions options = new() { Window = 64, Hop = 32, Frames = 9, Bands = 8, Coefficients = 0 };
        float[] clip = [.. Enumerable.Range(0, 96).Select(i => MathF.Sin(i))], features = new float[9 * 8], scaled = new float[9 * 8], whole = new float[9 * 8];
        new FeatureExtractor(options).Clip(clip, features);
        float floor = MathF.Log(options.Floor);
        Assert.All(features[..16].Concat(features[^16..]), v => Assert.Equal(floor, v, 1e-5));
        Assert.All(features[32..40], v => Assert.True(v > floor));

        new FeatureExtractor(options with { Mean = [.. Enumerable.Repeat(floor, 8)], Deviation = [.. Enumerable.Repeat(2f, 8)] }).Clip(clip, scaled);
        Assert.All(Enumerable.Range(0, 72), i => Assert.Equal((features[i] - floor) / 2, scaled[i], 1e-5));

        new FeatureExtractor(options with { RemoveMean = true }).Clip(clip, scaled);
        for (int b = 0; b < 8; b++) Assert.Equal(0, Enumerable.Range(0, 9).Sum(t => scaled[t * 8 + b]), 1e-3);

        // The same clip far behind in a long silence is found.
        new FeatureExtractor(options).Clip([.. new float[1000], .. clip, .. new float[300]], whole);
        Assert.Equal(features.Max(), whole.Max(), 1e-1);
    }

    [Fact]
    public void ARangeMakesLoudnessNoMatter()
    {
        FeatureOptions options = new() { Window = 64, Hop = 32, Frames = 9, Bands = 8, Coefficients = 0, Floor = 1e-12f, RangeDb = 40 };
        float[] clip = [.. Enumerable.Range(0, 96).Select(i => MathF.Sin(i))], loud = new float[72], soft = new float[72];
        FeatureExtractor extractor = new(options);
        extractor.Clip(clip, loud);
        extractor.Clip([.. clip.Select(v => v / 50)], soft);
        for (int i = 0; i < 72; i++) Assert.Equal(loud[i], soft[i], 1e-3);
        Assert.Equal((0, -4 * MathF.Log(10)), (loud.Max(), loud.Min()));
    }

    [Fact]
    public void OptionsSurviveJson()
    {
        FeatureOptions options = new() { SampleRate = 8000, Coefficients = 2, Bands = 12, Mean = [1, 2], Deviation = [0.5f, 3] };
        Assert.Equal(options.ToJson(), FeatureOptions.Parse(options.ToJson()).ToJson());
        foreach (string wrong in new[] { "", "[]", "null", "{\"window\":-1}", "{\"wndow\":4}", "{\"mean\":[1]}", "{\"mean\":null}", "{\"coefficients\":41}", "{\"highHz\":9000}" })
            Assert.Throws<InvalidDataException>(() => FeatureOptions.Parse(wrong));
    }

    private static double[] Definition(float[] frame, FeatureOptions o)
    {
        int n = 1;
        while (n < o.Window) n *= 2;
        double[] power = [.. Enumerable.Range(0, n / 2 + 1).Select(k =>
        {
            System.Numerics.Complex sum = 0;
            for (int i = 0; i < frame.Length; i++)
                sum += frame[i] * (0.5 - 0.5 * Math.Cos(2 * Math.PI * i / frame.Length)) * System.Numerics.Complex.Exp(new(0, -2 * Math.PI * k * i / n));
            return sum.Real * sum.Real + sum.Imaginary * sum.Imaginary;
        })];
        double Mel(double f) => 1127.01048 * Math.Log(1 + f / 700);
        double low = Mel(o.LowHz), width = (Mel(o.HighHz > 0 ? o.HighHz : o.SampleRate / 2) - low) / (o.Bands + 1);
        double Corner(int i) => 700 * (Math.Exp((low + i * width) / 1127.01048) - 1);
        double[] logs = [.. Enumerable.Range(0, o.Bands).Select(b => Math.Log(Math.Max(o.Floor, power.Select((p, k) =>
        {
            double f = (double)k * o.SampleRate / n;
            return p * Math.Max(0, f < Corner(b + 1) ? (f - Corner(b)) / (Corner(b + 1) - Corner(b)) : (Corner(b + 2) - f) / (Corner(b + 2) - Corner(b + 1)));
        }).Sum())))];
        if (o.Coefficients == 0) return logs;
        return [.. Enumerable.Range(0, o.Coefficients).Select(c => Math.Sqrt((c == 0 ? 1.0 : 2) / o.Bands) * logs.Select((l, b) => l * Math.Cos(Math.PI / o.Bands * (b + 0.5) * c)).Sum())];
    }
}
