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
            difference relative to the largest output. Integer: share of outputs that are equal, one step off, and further off.
            The test `OnnxRuntimeAgreementTests` asserts these bounds and writes this file when run with `EDGE_WRITE_DOCS=1`.

            | network | output | largest difference | equal | one step | more |
            |---|---|---|---|---|---|

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
        using OnnxRuntimeLibrary.Session theirs = new(onnx);
        ElementType type = session.Outputs[0].Type;
        double largest = 0;
        long[] steps = new long[3];
        int worst = 0;
        for (int i = 0; i < Inputs; i++)
        {
            ElementType inputType = session.Inputs[0].Type;
            Networks.Fill(session.InputBytes(0), inputType, i);
            if (ours is null) session.InputBytes(0).CopyTo(theirs.Inputs[0].Bytes);
            else CopyToNchw(session.InputBytes(0), session.Inputs[0], theirs.Inputs[0]);
            session.Run();
            theirs.Run();
            if (type == ElementType.Float32) largest = Math.Max(largest, RelativeDifference(session.Output<float>(0), MemoryMarshal.Cast<byte, float>(theirs.Outputs[0].Bytes)));
            else CountSteps(session.OutputBytes(0), type, theirs.Outputs[0], steps, ref worst);
        }
        double total = Math.Max(1, steps.Sum());
        string integers = type == ElementType.Float32 ? $"{largest:E1} | | | |" : $"{worst} | {steps[0] / total:P2} | {steps[1] / total:P2} | {steps[2] / total:P2} |";
        table.Append($"| {name} | {type} | {integers}\n");
        if (largest > 1e-4) failures.Add($"{name}: {largest:E2} relative");
        if (worst > 1) failures.Add($"{name}: {worst} steps off, {steps[2]} of {total} outputs by more than one");
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

    private static void CountSteps(ReadOnlySpan<byte> a, ElementType type, OnnxRuntimeLibrary.Binding b, long[] steps, ref int worst)
    {
        Assert.Equal(a.Length, b.Bytes.Length);
        for (int i = 0; i < a.Length; i++)
        {
            int x = type == ElementType.Int8 ? (sbyte)a[i] + 128 : a[i], y = b.Type == ElementType.Int8 ? (sbyte)b.Bytes[i] + 128 : b.Bytes[i];
            int off = Math.Abs(x - y);
            steps[Math.Min(off, 2)]++;
            worst = Math.Max(worst, off);
        }
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
