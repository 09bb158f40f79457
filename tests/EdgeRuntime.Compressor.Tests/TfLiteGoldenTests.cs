using System.Buffers.Binary;
using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using Xunit;

namespace EdgeRuntime.Compressor.Tests;

/// <summary>
/// Imported networks compute what TensorFlow Lite's own interpreter recorded: integers equal or one step off, floats to 1e-4
/// of the largest output. Classifiers reach the accuracy measured elsewhere.
/// </summary>
public sealed class TfLiteGoldenTests
{
    [SkippableTheory]
    [InlineData("mobilenet/mobilenet_v1_0.25_128_quant", "mobilenet-v1-0.25-128-uint8")]
    [InlineData("keyword-spotting/micro-speech-int8", "micro-speech-int8")]
    [InlineData("toy/sine-int8", "sine-int8")]
    [InlineData("toy/sine-float", "sine-float")]
    [InlineData("anomaly-detection/fan-low-autoencoder", "fan-low-autoencoder")]
    [InlineData("anomaly-detection/fan-low-moving-autoencoder", "fan-low-moving-autoencoder")]
    [InlineData("gesture/hand-keypoint-classifier", "hand-keypoint-classifier")]
    [InlineData("gesture/point-history-classifier", "point-history-classifier")]
    [InlineData("gesture/hand-landmark-lite-fp16", "hand-landmark-lite-fp16")]
    [InlineData("face-detection/blazeface-short-range-fp16", "blazeface-short-range-fp16")]
    [InlineData("face-recognition/mobilefacenet", "mobilefacenet")]
    public void OutputsEqualTheRecordedOnes(string model, string golden)
    {
        using InferenceSession session = Open(model);
        Tensor inputs = NumpyFile.Load(SharedFiles.Path("models", "golden", golden, "in_x.npy"));
        Tensor[] expected = [.. Enumerable.Range(0, session.Outputs.Count).Select(i => NumpyFile.Load(SharedFiles.Path("models", "golden", golden, $"out_{i}.npy")))];
        Assert.Equal(session.Inputs[0].Type, inputs.Type);
        int size = session.InputBytes(0).Length, runs = inputs.Data.Length / size;
        for (int run = 0; run < runs; run++)
        {
            inputs.Data.Span.Slice(run * size, size).CopyTo(session.InputBytes(0));
            session.Run();
            for (int i = 0; i < expected.Length; i++) Compare(expected[i], run, session.Outputs[i], session.OutputBytes(i), $"{golden}, run {run}, output {i}");
        }
    }

    [SkippableFact]
    public void KeywordNetworkReachesItsAccuracy()
    {
        using InferenceSession session = Open("mlperf-tiny/kws_ref_model");
        Tensor inputs = DataFile.Load(SharedFiles.Path("data", "mlperf-tiny-kws", "kws01_mfcc_int8_1000x49x10.bin"), ElementType.Int8, session.Inputs[0].Shape);
        int correct = CorrectAnswers(session, inputs.Data.Span, LabelFile.Load(SharedFiles.Path("data", "mlperf-tiny-kws", "labels.csv")));
        Assert.InRange(correct, 900, 905); // TFLite and ONNX Runtime: 902 of 1,000
    }

    [SkippableFact]
    public void WakeWordPersonNetworkReachesItsAccuracy()
    {
        using InferenceSession session = Open("mlperf-tiny/vww_96_int8");
        byte[] pixels = NumpyFile.Load(SharedFiles.Path("data", "coco-person", "test_images.npy")).Data.ToArray();
        for (int i = 0; i < pixels.Length; i++) pixels[i] ^= 0x80; // pixel − 128
        int correct = CorrectAnswers(session, pixels, LabelFile.Load(SharedFiles.Path("data", "coco-person", "test_labels.csv")));
        Assert.InRange(correct, 58, 60); // TFLite: 59 of 72
    }

    [SkippableFact]
    public void GreyPersonNetworkReachesItsAccuracy()
    {
        using InferenceSession session = Open("person-detection/person-detect-96-int8");
        byte[] colours = NumpyFile.Load(SharedFiles.Path("data", "coco-person", "test_images.npy")).Data.ToArray();
        byte[] pixels = new byte[colours.Length / 3];
        for (int i = 0; i < pixels.Length; i++)
            pixels[i] = (byte)((byte)Math.Round(0.299 * colours[3 * i] + 0.587 * colours[3 * i + 1] + 0.114 * colours[3 * i + 2]) ^ 0x80);
        int correct = CorrectAnswers(session, pixels, LabelFile.Load(SharedFiles.Path("data", "coco-person", "test_labels.csv")));
        Assert.InRange(correct, 55, 72); // 57 here; fed with grey instead of grey − 128 it is 39
    }

    /// <summary>The network's own test feeds a picture's bytes as they are, not shifted by 128.</summary>
    [SkippableTheory]
    [InlineData("person.bmp", 1)]
    [InlineData("no_person.bmp", 0)]
    public void PersonIsDetected(string picture, int expected)
    {
        using InferenceSession session = Open("person-detection/person-detect-96-int8");
        byte[] bmp = File.ReadAllBytes(SharedFiles.Path("models", "person-detection", picture));
        int start = BinaryPrimitives.ReadInt32LittleEndian(bmp.AsSpan(10));
        for (int y = 0; y < 96; y++) // rows from the bottom up
            bmp.AsSpan(start + (95 - y) * 96, 96).CopyTo(session.InputBytes(0)[(y * 96)..]);
        session.Run();
        ReadOnlySpan<sbyte> scores = session.Output<sbyte>(0);
        Assert.Equal(expected, scores[1] > scores[0] ? 1 : 0);
    }

    private static InferenceSession Open(string model) =>
        new(GraphOptimizer.Optimize(TfLiteImporter.Load(SharedFiles.Path("models", model + ".tflite"))));

    private static void Compare(Tensor expected, int run, ValueInfo output, ReadOnlySpan<byte> bytes, string place)
    {
        Assert.Equal(expected.Type, output.Type);
        float[] actual = new Tensor(output.Type, output.Shape, bytes.ToArray()).ToFloats();
        float[] wanted = expected.ToFloats()[(run * actual.Length)..((run + 1) * actual.Length)];
        double tolerance = output.Type == ElementType.Float32 ? 1e-4 * Math.Max(wanted.Max(MathF.Abs), 1e-3) : 1;
        for (int i = 0; i < actual.Length; i++)
            Assert.True(Math.Abs(actual[i] - wanted[i]) <= tolerance, $"{place}[{i}] is {actual[i]}, not {wanted[i]}");
    }

    private static int CorrectAnswers(InferenceSession session, ReadOnlySpan<byte> inputs, int[] labels)
    {
        int size = session.InputBytes(0).Length, correct = 0;
        for (int i = 0; i < labels.Length; i++)
        {
            inputs.Slice(i * size, size).CopyTo(session.InputBytes(0));
            session.Run();
            ReadOnlySpan<sbyte> scores = session.Output<sbyte>(0);
            int best = 0;
            for (int k = 1; k < scores.Length; k++)
                if (scores[k] > scores[best]) best = k;
            if (best == labels[i]) correct++;
        }
        return correct;
    }
}
