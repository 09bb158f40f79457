using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using EdgeRuntime.TestSupport;
using Xunit;

namespace EdgeRuntime.Conformance;

/// <summary>
/// Our outputs beside ONNX Runtime's on the same inputs. With EDGE_WRITE_DOCS=1 the table goes to docs/agreement.md.
/// </summary>
public sealed class OnnxRuntimeAgreementTests
{
    private const int Inputs = 6;

    [SkippableFact]
    public void Every_network_agrees_with_onnx_runtime()
    {
        Skip.If(SharedFolder.Locate("models/mlperf-tiny") is null, SharedFolder.Missing("models"));
        Skip.IfNot(OnnxRuntimeLibrary.IsAvailable, OnnxRuntimeLibrary.Missing);
        StringBuilder table = new("""
            # Agreement with ONNX Runtime

            Outputs of every network on 6 inputs, imported as it is, beside ONNX Runtime 1.30's on the same machine. Float: largest
            difference relative to the largest output, at most 1e-4. Integer: largest difference in steps, and the share of outputs that
            are equal, one step off, and further off. A deep network turns one rounding into several steps at its end: the last column
            is ONNX Runtime beside itself, with its graph optimisations and without, and ours must not be further from it than that.
            The test `OnnxRuntimeAgreementTests` asserts this and writes this file when run with `EDGE_WRITE_DOCS=1`.

            | network | output | largest difference | equal | one step | more | ONNX Runtime beside itself: largest, more |
            |---|---|---|---|---|---|---|

            """);
        List<string> failures = [];
        foreach (string model in Networks.Onnx) Compare(model, Networks.Path(model)!, table, failures);
        foreach (var (tflite, onnx) in Networks.TfLite) Compare(tflite, Networks.Path(onnx)!, table, failures, Networks.Path(tflite));
        if (Environment.GetEnvironmentVariable("EDGE_WRITE_DOCS") == "1")
            File.WriteAllText(Path.Combine(SharedFolder.Repository!, "docs", "agreement.md"), table.ToString());
        Assert.True(failures.Count == 0, string.Join("\n", failures) + "\n" + table);
    }

    private static void Compare(string name, string onnx, StringBuilder table, List<string> failures, string? ours = null)
    {
        using InferenceSession session = new(Networks.Load(ours ?? onnx));
        using OnnxRuntimeLibrary.Session theirs = new(onnx), plain = new(onnx, optimize: false);
        double largest = 0;
        Steps steps = new(), own = new();
        bool isFloat = session.Outputs[0].Type == ElementType.Float32;
        for (int i = 0; i < Inputs; i++)
        {
            Networks.Fill(session.InputBytes(0), session.Inputs[0].Type, i);
            if (ours is null) session.InputBytes(0).CopyTo(theirs.Inputs[0].Bytes);
            else CopyToNchw(session.InputBytes(0), session.Inputs[0], theirs.Inputs[0]);
            theirs.Inputs[0].Bytes.CopyTo(plain.Inputs[0].Bytes);
            session.Run();
            theirs.Run();
            if (isFloat)
            {
                largest = Math.Max(largest, RelativeDifference(session.Output<float>(0), MemoryMarshal.Cast<byte, float>(theirs.Outputs[0].Bytes)));
                continue;
            }
            plain.Run();
            steps.Count(session.OutputBytes(0), session.Outputs[0].Type, theirs.Outputs[0].Bytes, theirs.Outputs[0].Type);
            own.Count(plain.Outputs[0].Bytes, plain.Outputs[0].Type, theirs.Outputs[0].Bytes, theirs.Outputs[0].Type);
        }
        table.Append(isFloat ? $"| {name} | float32 | {largest:E1} | | | | |\n"
            : $"| {name} | {session.Outputs[0].Type.ToString().ToLowerInvariant()} | {steps.Worst} | {steps.Share(0)} | {steps.Share(1)} | {steps.Share(2)} | {own.Worst}, {own.Share(2)} |\n");
        if (largest > 1e-4) failures.Add($"{name}: {largest:E2} relative");
        // Twice its own count, as either run differs from exact arithmetic.
        if (steps.Worst > 1 && steps.More > 2 * own.More) failures.Add($"{name}: {steps.Worst} steps off, {steps.More} outputs by more than one; ONNX Runtime beside itself {own.More}");
    }

    /// <summary>How many outputs are equal, one step off, and further off.</summary>
    private sealed class Steps
    {
        private readonly long[] _counts = new long[3];

        public int Worst { get; private set; }

        public long More => _counts[2];

        public string Share(int index) => (_counts[index] / (double)Math.Max(1, _counts.Sum())).ToString("P2", CultureInfo.InvariantCulture);

        public void Count(ReadOnlySpan<byte> a, ElementType typeA, ReadOnlySpan<byte> b, ElementType typeB)
        {
            Assert.Equal(a.Length, b.Length);
            for (int i = 0; i < a.Length; i++)
            {
                int off = Math.Abs(Unsigned(a[i], typeA) - Unsigned(b[i], typeB));
                _counts[Math.Min(off, 2)]++;
                Worst = Math.Max(Worst, off);
            }
        }

        private static int Unsigned(byte value, ElementType type) => type == ElementType.Int8 ? (sbyte)value + 128 : value;
    }

    private static double RelativeDifference(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        double difference = 0, scale = 1e-9;
        for (int i = 0; i < a.Length; i++)
        {
            difference = Math.Max(difference, Math.Abs((double)a[i] - b[i]));
            scale = Math.Max(scale, Math.Abs(b[i]));
        }
        return difference / scale;
    }

    /// <summary>A TFLite network's NHWC input, with its signedness, as the ONNX twin's NCHW one.</summary>
    private static void CopyToNchw(ReadOnlySpan<byte> from, ValueInfo input, OnnxRuntimeLibrary.Binding to)
    {
        TensorShape shape = to.Shape;
        int size = to.Type.Bits() / 8, channels = shape.Rank == 4 ? shape[1] : 1, pixels = (int)(shape.ElementCount / channels);
        byte flip = input.Type != to.Type ? (byte)0x80 : (byte)0;
        for (int p = 0; p < pixels; p++)
            for (int c = 0; c < channels; c++)
                for (int k = 0; k < size; k++) to.Bytes[(c * pixels + p) * size + k] = (byte)(from[(p * channels + c) * size + k] ^ flip);
    }
}
