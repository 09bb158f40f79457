using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using EdgeRuntime.Sensors;
using EdgeRuntime.Training;

namespace EdgeRuntime.Benchmarks;

/// <summary>Digits spoken by espeak-ng (<c>apt-get install espeak-ng</c>) in many voices, accents, speeds and pitches.</summary>
internal static class SynthesisedSpeech
{
    public static readonly string[] Words = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    private static readonly string[] Accents = ["en", "en-us", "en-us", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-029", "en-us-nyc"];

    // No whispers and no robots.
    private static readonly string[] Voices =
    [
        "f1", "f2", "f3", "f5", "m1", "m2", "m4", "m5", "m6", "m8", "adam", "Alex", "Andrea", "Andy", "antonio", "aunty", "benjamin", "boris", "caleb", "Denis", "Diogo", "ed", "edward",
        "edward2", "Gene", "Gene2", "grandma", "grandpa", "Henrique", "Hugo", "Jacky", "john", "klatt", "klatt2", "Lee", "linda", "marcelo", "Marco", "Mario", "max", "Michael", "michel",
        "miguel", "Nguyen", "norbert", "pablo", "pedro", "quincy", "rob", "robert", "sandro", "shelby", "steph", "steph2", "travis", "victor", "zac", "anika", "iven", "iven2",
    ];

    private static readonly string[] TestVoices = ["f4", "m3", "m7", "Annie", "Alicia", "belinda", "david", "Mike", "paul", "steph3"];

    /// <summary>All ten digits by each of <paramref name="speakers"/> speakers: a voice with an accent, a pitch and a speed.</summary>
    /// <param name="speakers">How many.</param>
    /// <param name="isTest">Whether their voices are those that never train.</param>
    /// <param name="rate">Samples in a second of the clips.</param>
    /// <param name="seed">Of the choice.</param>
    public static List<(float[] Clip, int Digit)> Speak(int speakers, bool isTest, int rate, int seed)
    {
        RandomSource random = new((ulong)seed);
        string[] voices = isTest ? TestVoices : Voices;
        List<(float[], int)> clips = [];
        for (int s = 0; s < speakers; s++)
        {
            string voice = $"{Accents[random.Next(Accents.Length)]}+{voices[s % voices.Length]}", pitch = $"{25 + random.Next(51)}", speed = $"{120 + random.Next(90)}";
            for (int digit = 0; digit < Words.Length; digit++)
                clips.Add((Trim(Run("-v", voice, "-p", pitch, "-s", speed, "--stdout", Words[digit]).Resample(rate).Samples), digit));
        }
        return clips;
    }

    private static Sound Run(params string[] arguments)
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo("espeak-ng", arguments) { RedirectStandardOutput = true })!;
            using MemoryStream bytes = new();
            process.StandardOutput.BaseStream.CopyTo(bytes);
            process.WaitForExit();
            return WaveFile.Parse(bytes.ToArray(), string.Create(CultureInfo.InvariantCulture, $"espeak-ng {string.Join(' ', arguments)}"));
        }
        catch (Win32Exception e)
        {
            throw new FileNotFoundException("espeak-ng is not installed: apt-get install espeak-ng", e);
        }
    }

    /// <summary>Without what is softer than a fiftieth of the loudest at both ends.</summary>
    private static float[] Trim(float[] clip)
    {
        float limit = clip.Max(MathF.Abs) / 50;
        int first = Array.FindIndex(clip, v => MathF.Abs(v) > limit), last = Array.FindLastIndex(clip, v => MathF.Abs(v) > limit);
        return clip[first..(last + 1)];
    }
}
