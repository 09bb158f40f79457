using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels;

/// <summary>Quadruples of bytes (VPDPBUSD); the vector is multiplied as x + 128, which the bias takes back.</summary>
internal readonly unsafe struct CellProductAvxVnni<TInstruction> : ICellProduct where TInstruction : struct, IDotUnsignedSigned
{
    public static string Name => "avxvnni";

    public static CpuFeature Requires => CpuFeature.Avx2 | CpuFeature.AvxVnni;

    public static int Units => 16;

    public static int Step => 4;

    public static double ProductsPerCycle => 30;

    public static bool NeedsSmallWeights => false;

    public static int ElementBytes => 1;

    public static int Offset(int zeroPoint) => 128;

    public static (int Index, sbyte Stored) Place(int unit, int element, sbyte weight) => (unit * Step + element, weight);

    public static void Convert(sbyte* source, byte* destination, int count, int zeroPoint)
    {
        Int8Widening.ToUnsigned(source, destination, count);
        for (; count % 4 != 0; count++) destination[count] = 0;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Run<TGates>(byte* x, sbyte* weights, int steps, int* sums) where TGates : struct, ICount
    {
        Vector256<int> a0 = default, b0 = default, a1 = default, b1 = default, a2 = default, b2 = default, a3 = default, b3 = default;
        for (byte* end = x + 4 * (nint)steps; x < end; x += 4, weights += TGates.Value * 64)
        {
            Vector256<byte> v = Vector256.Create(*(int*)x).AsByte();
            a0 = TInstruction.MultiplyAdd(a0, v, Vector256.Load(weights));
            b0 = TInstruction.MultiplyAdd(b0, v, Vector256.Load(weights + 32));
            if (TGates.Value > 1)
            {
                a1 = TInstruction.MultiplyAdd(a1, v, Vector256.Load(weights + 64));
                b1 = TInstruction.MultiplyAdd(b1, v, Vector256.Load(weights + 96));
            }
            if (TGates.Value > 2)
            {
                a2 = TInstruction.MultiplyAdd(a2, v, Vector256.Load(weights + 128));
                b2 = TInstruction.MultiplyAdd(b2, v, Vector256.Load(weights + 160));
            }
            if (TGates.Value > 3)
            {
                a3 = TInstruction.MultiplyAdd(a3, v, Vector256.Load(weights + 192));
                b3 = TInstruction.MultiplyAdd(b3, v, Vector256.Load(weights + 224));
            }
        }
        a0.Store(sums);
        b0.Store(sums + 8);
        if (TGates.Value > 1) { a1.Store(sums + 16); b1.Store(sums + 24); }
        if (TGates.Value > 2) { a2.Store(sums + 32); b2.Store(sums + 40); }
        if (TGates.Value > 3) { a3.Store(sums + 48); b3.Store(sums + 56); }
    }
}
