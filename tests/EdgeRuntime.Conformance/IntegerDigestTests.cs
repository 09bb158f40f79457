using System.Security.Cryptography;
using EdgeRuntime.Inference;
using EdgeRuntime.TestSupport;
using Xunit;

namespace EdgeRuntime.Conformance;

/// <summary>
/// One digest of all integer networks' outputs: the same on x86-64 and on every ARM64 processor. It changes only when the
/// arithmetic does, and then deliberately.
/// </summary>
public sealed class IntegerDigestTests
{
    private const string Expected = "3544eed76fe19be39e51d3137243f5014b256ea8f28bfc7ad00e643d5efb2f51";

    [SkippableFact]
    public void All_integer_outputs_have_one_digest_everywhere()
    {
        Skip.If(SharedFolder.Locate("models/mlperf-tiny") is null, SharedFolder.Missing("models"));
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string model in Networks.Onnx.Where(m => m.Contains("int8", StringComparison.Ordinal)))
        {
            using InferenceSession session = new(Networks.Load(Networks.Path(model)!));
            for (int i = 0; i < 2; i++) hash.AppendData(Networks.Run(session, i));
        }
        string digest = Convert.ToHexStringLower(hash.GetHashAndReset());
        Assert.True(digest == Expected, $"the digest is {digest}");
    }
}
