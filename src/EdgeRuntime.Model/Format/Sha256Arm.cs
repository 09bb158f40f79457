using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Instructions = System.Runtime.Intrinsics.Arm.Sha256;

namespace EdgeRuntime.Model;

/// <summary>The compression function of SHA-256 by ARMv8's cryptographic extension, which Cortex-A76 boards have and earlier ones lack.</summary>
internal static class Sha256Arm
{
    /// <summary>Whether the processor has it.</summary>
    public static bool IsSupported => Instructions.IsSupported;

    /// <summary>Mixes whole blocks of 64 bytes into <paramref name="state"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Compress(Span<uint> state, ReadOnlySpan<byte> blocks)
    {
        ReadOnlySpan<Vector128<uint>> k = Sha256Blocks.K;
        ReadOnlySpan<uint> before = state;
        Vector128<uint> abcd = Vector128.Create(before[..4]), efgh = Vector128.Create(before[4..]);
        for (; !blocks.IsEmpty; blocks = blocks[64..])
        {
            Vector128<uint> a = Sha256Blocks.Words(blocks, 0), b = Sha256Blocks.Words(blocks, 1), c = Sha256Blocks.Words(blocks, 2), d = Sha256Blocks.Words(blocks, 3);
            Vector128<uint> low = abcd, high = efgh;
            for (int i = 0; i < 16; i++)
            {
                Vector128<uint> w = a + k[i], saved = low;
                low = Instructions.HashUpdate1(low, high, w);
                high = Instructions.HashUpdate2(high, saved, w);
                (a, b, c, d) = (b, c, d, Instructions.ScheduleUpdate1(Instructions.ScheduleUpdate0(a, b), c, d));
            }
            abcd += low;
            efgh += high;
        }
        abcd.CopyTo(state);
        efgh.CopyTo(state[4..]);
    }
}
