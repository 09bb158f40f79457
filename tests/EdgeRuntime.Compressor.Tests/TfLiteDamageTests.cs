using System.Buffers.Binary;
using EdgeRuntime.Model;
using Xunit;

namespace EdgeRuntime.Compressor.Tests;

/// <summary>Damaged files give a typed error or a valid graph, nothing else.</summary>
public sealed class TfLiteDamageTests
{
    private static readonly uint[] Extremes = [0, 1, 3, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFC, 0xFFFFFFFF];

    [SkippableTheory]
    [InlineData("toy/sine-int8", 4000)]
    [InlineData("anomaly-detection/fan-low-autoencoder", 4000)]
    [InlineData("gesture/hand-keypoint-classifier", 2000)]
    [InlineData("keyword-spotting/micro-speech-int8", 3000)]
    [InlineData("mlperf-tiny/kws_ref_model", 2000)]
    [InlineData("face-detection/blazeface-short-range-fp16", 200)]
    public void MutatedFilesGiveOnlyTypedErrors(string model, int files)
    {
        byte[] original = File.ReadAllBytes(SharedFiles.Path("models", model + ".tflite"));
        Random random = new(files);
        int refused = 0;
        for (int i = 0; i < files; i++)
            if (!Imports(Mutate(original, random))) refused++;
        Assert.InRange(refused, files / 50, files - 1);
    }

    [SkippableFact]
    public void TruncatedFilesAreRefused()
    {
        byte[] original = File.ReadAllBytes(SharedFiles.Path("models", "toy", "sine-int8.tflite"));
        for (int length = 0; length < original.Length - 4; length++)
            Assert.False(Imports(original.AsSpan(0, length).ToArray()), $"{length} of {original.Length} bytes import");
    }

    private static byte[] Mutate(byte[] original, Random random)
    {
        byte[] data = [.. original];
        int kind = random.Next(4), changes = 1 + random.Next(4);
        for (int i = 0; i < changes; i++)
        {
            // Half of the changes go where tables are dense: the start and the end of the file.
            int at = random.Next(2) == 0 ? random.Next(data.Length - 4) : Math.Abs((random.Next(1500) - 500 + data.Length) % data.Length) / 4 * 4;
            at = Math.Min(at, data.Length - 4);
            Span<byte> word = data.AsSpan(at, 4);
            switch (kind)
            {
                case 0: word[0] ^= (byte)(1 << random.Next(8)); break;
                case 1: BinaryPrimitives.WriteUInt32LittleEndian(word, Extremes[random.Next(Extremes.Length)]); break;
                case 2: BinaryPrimitives.WriteInt32LittleEndian(word, BinaryPrimitives.ReadInt32LittleEndian(word) + random.Next(-64, 65)); break;
                default: data.AsSpan(random.Next(data.Length - 4), 4).CopyTo(word); break;
            }
        }
        return random.Next(10) == 0 ? data[..random.Next(data.Length)] : data;
    }

    private static bool Imports(byte[] data)
    {
        try
        {
            GraphValidator.Validate(TfLiteImporter.Import(data, "mutant.tflite"));
            return true;
        }
        catch (ModelException e)
        {
            Assert.NotEmpty(e.Message);
            return false;
        }
    }
}
