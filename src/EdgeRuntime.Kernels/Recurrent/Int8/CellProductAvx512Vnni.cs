namespace EdgeRuntime.Kernels;

/// <summary>Quadruples of bytes on 512 bits (VPDPBUSD, in machine code: <see cref="Int8CellTile"/>); the vector is multiplied as x + 128, which the bias takes back.</summary>
internal readonly unsafe struct CellProductAvx512Vnni : ICellProduct
{
    public static string Name => "avx512vnni";

    public static CpuFeature Requires => CpuFeature.Avx2 | CpuFeature.Avx512Vnni;

    public static int Units => 16;

    public static int Step => 4;

    public static int Rows => Int8CellTile.Rows;

    public static double ProductsPerCycle => 32;

    public static bool NeedsSmallWeights => false;

    public static int ElementBytes => 1;

    public static int Offset(int zeroPoint) => 128;

    public static (int Index, sbyte Stored) Place(int unit, int element, sbyte weight) => (unit * Step + element, weight);

    public static void Convert(sbyte* source, byte* destination, int count, int zeroPoint) => CellProductAvxVnni<AvxVnniInstruction>.Convert(source, destination, count, zeroPoint);

    public static void Run<TGates>(byte* x, sbyte* weights, int steps, int* sums) where TGates : struct, ICount => Run(TGates.Value, 1, x, 0, weights, steps, sums);

    public static void Run(int gates, int rows, byte* x, nint distance, sbyte* weights, int steps, int* sums)
    {
        if (steps == 0) new Span<int>(sums, rows * gates * Units).Clear();
        else Int8CellTile.Run(rows, gates, x, distance, weights, steps, sums);
    }
}
