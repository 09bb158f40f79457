using Xunit;

namespace EdgeRuntime.Sensors.Tests;

public sealed class SoundTests
{
    [Fact]
    public void WhatIsWrittenIsRead()
    {
        short[] samples = [0, 1, -1, short.MaxValue, short.MinValue];
        Sound sound = WaveFile.Parse(WaveFile.Encode(samples, 8000), "x.wav");
        Assert.Equal(8000, sound.Rate);
        Assert.Equal(samples.Select(s => s / 32768f), sound.Samples);
    }

    [Fact]
    public void DamagedFilesAreRefusedOrShort()
    {
        byte[] whole = WaveFile.Encode(new short[100], 8000);
        for (int length = 0; length < whole.Length; length++)
            if (length < 44) Assert.Throws<InvalidDataException>(() => WaveFile.Parse(whole.AsSpan(0, Math.Min(length, 43)), "x.wav"));
            else Assert.Equal((length - 44) / 2, WaveFile.Parse(whole.AsSpan(0, length), "x.wav").Samples.Length);
        Random random = new(2);
        for (int i = 0; i < 2000; i++)
        {
            byte[] damaged = [.. whole];
            damaged[random.Next(48)] = (byte)random.Next(256);
            try
            {
                WaveFile.Parse(damaged, "x.wav");
            }
            catch (InvalidDataException e)
            {
                Assert.Contains("x.wav", e.Message, StringComparison.Ordinal);
            }
        }
    }

    [Theory]
    [InlineData(16000, 8000)]
    [InlineData(22050, 8000)]
    [InlineData(8000, 16000)]
    public void ResamplingKeepsTonesAndRemovesWhatDoesNotFit(int from, int to)
    {
        Sound Tone(double hertz) => new([.. Enumerable.Range(0, from / 4).Select(i => (float)Math.Sin(2 * Math.PI * hertz * i / from))], from);
        float[] kept = Tone(1000).Resample(to).Samples;
        Assert.Equal(to / 4, kept.Length, 1.0);
        for (int i = kept.Length / 4; i < 3 * kept.Length / 4; i++) Assert.Equal(Math.Sin(2 * Math.PI * 1000 * i / to), kept[i], 0.01);
        if (to > from) return;
        float[] removed = Tone(6000).Resample(to).Samples;
        Assert.All(removed[(kept.Length / 4)..(3 * kept.Length / 4)], v => Assert.Equal(0, v, 0.01));
    }
}
