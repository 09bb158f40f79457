using EdgeRuntime.Inference;
using EdgeRuntime.TestSupport;
using Xunit;

namespace EdgeRuntime.Conformance;

/// <summary>The keyword spotter on the benchmark's own 1,000 inputs.</summary>
public sealed class KeywordAccuracyTests
{
    private const string Inputs = "data/mlperf-tiny-kws/kws01_mfcc_int8_1000x49x10.bin";

    [SkippableTheory]
    [InlineData("mlperf-tiny/kws_int8.onnx")]
    [InlineData("mlperf-tiny/kws_int8_u8.onnx")]
    public void Top_1_is_the_same_as_onnx_runtimes_on_99_percent(string model)
    {
        Skip.If(SharedFolder.Locate(Inputs) is null, SharedFolder.Missing(Inputs));
        Skip.IfNot(OnnxRuntimeLibrary.IsAvailable, OnnxRuntimeLibrary.Missing);
        byte[] data = File.ReadAllBytes(SharedFolder.Locate(Inputs)!);
        using InferenceSession session = new(Networks.Load(Networks.Path(model)!));
        // Unoptimised it computes in float. Its uint8 kernels saturate on processors without VNNI: this network gives one class for all there.
        using OnnxRuntimeLibrary.Session theirs = new(Networks.Path(model)!, optimize: false);
        int equal = 0, count = data.Length / 490;
        for (int i = 0; i < count; i++)
        {
            data.AsSpan(i * 490, 490).CopyTo(session.InputBytes(0));
            if (session.Inputs[0].Type == Tensors.ElementType.UInt8)
                foreach (ref byte b in session.InputBytes(0)) b ^= 0x80;
            session.InputBytes(0).CopyTo(theirs.Inputs[0].Bytes);
            session.Run();
            theirs.Run();
            bool isSigned = session.Outputs[0].Type == Tensors.ElementType.Int8;
            if (Top(session.OutputBytes(0), isSigned) == Top(theirs.Outputs[0].Bytes, isSigned)) equal++;
        }
        Assert.Equal(1000, count);
        Assert.True(equal >= 990, $"{equal} of {count}");
    }

    private static int Top(ReadOnlySpan<byte> scores, bool isSigned)
    {
        int best = 0;
        for (int i = 1; i < scores.Length; i++)
            if ((isSigned ? (sbyte)scores[i] : scores[i]) > (isSigned ? (sbyte)scores[best] : scores[best])) best = i;
        return best;
    }
}
