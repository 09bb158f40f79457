using System.Text;

namespace EdgeRuntime.Model.Tests;

/// <summary>Digests published with FIPS 180-2, and all paddings against each other by pieces.</summary>
public sealed class Sha256Tests
{
    [Theory]
    [InlineData("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    [InlineData("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")]
    [InlineData("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")]
    public void PublishedDigests(string message, string digest) => Assert.Equal(digest, Convert.ToHexStringLower(Sha256.Hash(Encoding.ASCII.GetBytes(message))));

    [Fact]
    public void AMillionTimesA() => Assert.Equal("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
        Convert.ToHexStringLower(Sha256.Hash(Enumerable.Repeat((byte)'a', 1_000_000).ToArray())));

    [Fact]
    public void PiecesGiveTheDigestOfTheWhole()
    {
        byte[] message = new byte[200];
        new Random(1).NextBytes(message);
        for (int length = 0; length <= message.Length; length++)
        {
            Sha256 pieces = new();
            for (int at = 0, step = 1; at < length; at += step, step = step % 71 + 1) pieces.Append(message.AsSpan(at, Math.Min(step, length - at)));
            Assert.Equal(Sha256.Hash(message.AsSpan(0, length)), pieces.Finish());
        }
    }

    [SkippableFact]
    public void EqualsTheFrameworksForEveryLength()
    {
        // The framework's needs a library of the system, which small systems and emulators don't have.
        byte[] message = new byte[300];
        new Random(2).NextBytes(message);
        for (int length = 0; length <= message.Length; length++)
        {
            byte[] expected;
            try
            {
                expected = System.Security.Cryptography.SHA256.HashData(message.AsSpan(0, length));
            }
            catch (Exception e) when (e is TypeInitializationException or DllNotFoundException)
            {
                throw new SkipException("the system has no cryptographic library: " + e.Message);
            }
            Assert.Equal(expected, Sha256.Hash(message.AsSpan(0, length)));
        }
    }
}
