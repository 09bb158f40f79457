using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels.Tests;

/// <summary>VPDPBUSD in portable code, so that the AVX-VNNI kernels can be tested on processors without it.</summary>
internal readonly struct EmulatedDot : IDotUnsignedSigned
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> MultiplyAdd(Vector256<int> sum, Vector256<byte> input, Vector256<sbyte> weights)
    {
        // Every fourth byte, sign- or zero-extended in its lane, times its partner.
        Vector256<int> w = weights.AsInt32();
        Vector256<uint> x = input.AsUInt32();
        sum += (x & Vector256.Create(255u)).AsInt32() * (w << 24 >> 24);
        sum += (x >>> 8 & Vector256.Create(255u)).AsInt32() * (w << 16 >> 24);
        sum += (x >>> 16 & Vector256.Create(255u)).AsInt32() * (w << 8 >> 24);
        return sum + (x >>> 24).AsInt32() * (w >> 24);
    }
}
