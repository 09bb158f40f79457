using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace EdgeRuntime.Kernels;

/// <summary>Maps of bytes to bytes, 16 at a time. The output may be the input.</summary>
internal static unsafe class LookupNeon
{
    /// <summary>TBL takes the first 64 entries and gives 0 elsewhere, TBX keeps what is there: four steps with indices 64 lower each.</summary>
    public static void Run(byte* table, byte* x, byte* y, long count)
    {
        var t0 = (AdvSimd.LoadVector128(table), AdvSimd.LoadVector128(table + 16), AdvSimd.LoadVector128(table + 32), AdvSimd.LoadVector128(table + 48));
        var t1 = (AdvSimd.LoadVector128(table + 64), AdvSimd.LoadVector128(table + 80), AdvSimd.LoadVector128(table + 96), AdvSimd.LoadVector128(table + 112));
        var t2 = (AdvSimd.LoadVector128(table + 128), AdvSimd.LoadVector128(table + 144), AdvSimd.LoadVector128(table + 160), AdvSimd.LoadVector128(table + 176));
        var t3 = (AdvSimd.LoadVector128(table + 192), AdvSimd.LoadVector128(table + 208), AdvSimd.LoadVector128(table + 224), AdvSimd.LoadVector128(table + 240));
        Vector128<byte> step = Vector128.Create((byte)64);
        for (; count >= 16; count -= 16, x += 16, y += 16)
        {
            Vector128<byte> index = AdvSimd.LoadVector128(x);
            Vector128<byte> entry = AdvSimd.Arm64.VectorTableLookup(t0, index);
            index = AdvSimd.Subtract(index, step);
            entry = AdvSimd.Arm64.VectorTableLookupExtension(entry, t1, index);
            index = AdvSimd.Subtract(index, step);
            entry = AdvSimd.Arm64.VectorTableLookupExtension(entry, t2, index);
            index = AdvSimd.Subtract(index, step);
            AdvSimd.Store(y, AdvSimd.Arm64.VectorTableLookupExtension(entry, t3, index));
        }
        for (; count > 0; count--) *y++ = table[*x++];
    }
}
