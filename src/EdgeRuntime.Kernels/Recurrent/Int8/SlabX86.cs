using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRuntime.Kernels;

/// <summary>Pairs of int16 (VPMADDWD); weights are widened in the panel, as there are few.</summary>
internal readonly unsafe struct SlabAvx2 : ISlab
{
    public static double Cycles => 2.2;

    public static double ListCycles => 26;

    public static int ElementBytes => sizeof(short);

    public static int Offset(int zeroPoint) => -zeroPoint;

    public static void Convert(sbyte* source, byte* destination, int count, int zeroPoint) => Int8Widening.ToInt16(source, (short*)destination, count, zeroPoint);

    public static int WeightBytes => sizeof(short);

    public static int Together => 1;

    public static int Place(int unit, int element) => element / 2 * 16 + unit * 2 + element % 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Run(byte* x, byte* slabs, int* offsets, int count, int* sums)
    {
        Vector256<int> a = default, b = default, c = default, d = default;
        int i = 0;
        for (; i + 2 <= count; i += 2, slabs += 128)
        {
            byte* p = x + offsets[i], q = x + offsets[i + 1];
            a += Avx2.MultiplyAddAdjacent(Vector256.Create(*(int*)p).AsInt16(), Vector256.Load((short*)slabs));
            b += Avx2.MultiplyAddAdjacent(Vector256.Create(*(int*)(p + 4)).AsInt16(), Vector256.Load((short*)(slabs + 32)));
            c += Avx2.MultiplyAddAdjacent(Vector256.Create(*(int*)q).AsInt16(), Vector256.Load((short*)(slabs + 64)));
            d += Avx2.MultiplyAddAdjacent(Vector256.Create(*(int*)(q + 4)).AsInt16(), Vector256.Load((short*)(slabs + 96)));
        }
        if (i < count)
        {
            byte* p = x + offsets[i];
            a += Avx2.MultiplyAddAdjacent(Vector256.Create(*(int*)p).AsInt16(), Vector256.Load((short*)slabs));
            b += Avx2.MultiplyAddAdjacent(Vector256.Create(*(int*)(p + 4)).AsInt16(), Vector256.Load((short*)(slabs + 32)));
        }
        (a + b + (c + d)).Store(sums);
    }
}

/// <summary>Quadruples of bytes (VPDPBUSD).</summary>
internal readonly unsafe struct SlabAvxVnni<TInstruction> : ISlab where TInstruction : struct, IDotUnsignedSigned
{
    public static double Cycles => 1.7;

    public static double ListCycles => 26;

    public static int ElementBytes => CellProductAvxVnni<TInstruction>.ElementBytes;

    public static int Offset(int zeroPoint) => CellProductAvxVnni<TInstruction>.Offset(zeroPoint);

    public static void Convert(sbyte* source, byte* destination, int count, int zeroPoint) => CellProductAvxVnni<TInstruction>.Convert(source, destination, count, zeroPoint);

    public static int WeightBytes => 1;

    public static int Together => 1;

    public static int Place(int unit, int element) => unit * 4 + element;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Run(byte* x, byte* slabs, int* offsets, int count, int* sums)
    {
        Vector256<int> a = default, b = default;
        int i = 0;
        for (; i + 2 <= count; i += 2, slabs += 64)
        {
            a = TInstruction.MultiplyAdd(a, Vector256.Create(*(int*)(x + offsets[i])).AsByte(), Vector256.Load((sbyte*)slabs));
            b = TInstruction.MultiplyAdd(b, Vector256.Create(*(int*)(x + offsets[i + 1])).AsByte(), Vector256.Load((sbyte*)slabs + 32));
        }
        if (i < count) a = TInstruction.MultiplyAdd(a, Vector256.Create(*(int*)(x + offsets[i])).AsByte(), Vector256.Load((sbyte*)slabs));
        (a + b).Store(sums);
    }
}
