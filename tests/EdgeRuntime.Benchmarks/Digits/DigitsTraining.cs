using System.Globalization;
using System.IO.Compression;
using EdgeRuntime.Compressor;
using EdgeRuntime.Model;
using EdgeRuntime.Sensors;
using EdgeRuntime.Tensors;
using EdgeRuntime.TestSupport;
using EdgeRuntime.Training;

namespace EdgeRuntime.Benchmarks;

/// <summary>
/// Makes what <c>edge demo</c> has in it: a network for spoken digits, trained on all recordings of the Free Spoken Digit Dataset
/// and on synthesised speech; features of synthesised speech to train on with; synthesised test clips of other voices.
/// <c>digits [--output FOLDER]</c>, by default the program's own folder.
/// </summary>
internal static class DigitsTraining
{
    private const int Speakers = 150, TestSpeakers = 10;

    public static void Run(string[] args)
    {
        Environment.CurrentDirectory = SharedFolder.Repository ?? Environment.CurrentDirectory;
        string folder = Options.Text(args, "--output") ?? Path.Combine("src", "EdgeRuntime.Cli", "Demo");
        Directory.CreateDirectory(folder);
        Console.Error.WriteLine("synthesising");
        List<(float[] Clip, int Digit)> spoken = SynthesisedSpeech.Speak(Speakers, false, SpokenDigits.Features.SampleRate, 1), test = SynthesisedSpeech.Speak(TestSpeakers, true, SpokenDigits.Features.SampleRate, 2), recorded = SpokenDigits.Recordings(_ => true);
        RandomSource random = new(3);
        List<(float[] Clip, int Digit)> versions = [.. recorded, .. spoken, .. recorded.Concat(spoken).Select(c => (SpokenDigits.Alter(c.Clip, random), c.Digit))];
        FeatureOptions features = SpokenDigits.Standardise(SpokenDigits.Features, spoken.Select(c => c.Clip));
        Graph graph = Train(SpokenDigits.Extract(versions, features).Shuffle(4), SpokenDigits.Extract(test, features), features);
        OnnxExporter.Write(graph, Path.Combine(folder, "digits.onnx"));
        WriteClips(Path.Combine(folder, "clips.zip"), test);
        WriteFeatures(folder, SpokenDigits.Extract([.. spoken.Select((c, i) => i % 20 < 10 ? c : (SpokenDigits.Alter(c.Clip, random), c.Digit))], features).Shuffle(5));
    }

    private static Graph Train(LabelledData train, LabelledData test, FeatureOptions features)
    {
        Graph graph = NetworkBuilder.DepthwiseSeparable(features.Frames, features.Width, 10, 64, 4, 1);
        graph.Name = "spoken digits";
        graph.Metadata[MetadataKeys.Labels] = string.Join('\n', SynthesisedSpeech.Words);
        graph.Metadata[MetadataKeys.Preprocessing] = features.ToJson();
        Trainer trainer = new(new TrainableNetwork(graph), train.Dataset, null, CompressionTask.All[0].Training with
        {
            OnProgress = p => { if (p.Step == p.Steps) Console.Error.WriteLine(p.ToString()); },
        });
        trainer.Run();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"trained on {train.Labels.Length} samples; synthesised test clips of other voices: {trainer.Accuracy(test.Dataset):P1}"));
        return graph;
    }

    private static void WriteClips(string path, List<(float[] Clip, int Digit)> clips)
    {
        using ZipArchive archive = new(File.Create(path), ZipArchiveMode.Create);
        for (int i = 0; i < clips.Count; i++)
        {
            ZipArchiveEntry entry = archive.CreateEntry($"{clips[i].Digit}-{i / 10}.wav", CompressionLevel.SmallestSize);
            entry.LastWriteTime = new DateTimeOffset(2000, 1, 1, 0, 0, 0, TimeSpan.Zero);
            using Stream stream = entry.Open();
            stream.Write(WaveFile.Encode(Array.ConvertAll(clips[i].Clip, v => (short)Math.Clamp(v * 32768, short.MinValue, short.MaxValue)), SpokenDigits.Features.SampleRate));
        }
    }

    private static void WriteFeatures(string folder, LabelledData data)
    {
        sbyte[] quantised = Array.ConvertAll(data.Samples, v => (sbyte)Math.Clamp(MathF.Round(v / Cli.DemoFiles.Scale), -127, 127));
        NumpyFile.Save(Path.Combine(folder, "train.npy"), Tensor.From<sbyte>(new TensorShape([data.Labels.Length, .. data.Shape]), quantised));
        NumpyFile.Save(Path.Combine(folder, "train-labels.npy"), Tensor.From<byte>(new TensorShape(data.Labels.Length), Array.ConvertAll(data.Labels, l => (byte)l)));
    }
}
