namespace EdgeRuntime.Kernels;

/// <summary>Sparse int8 products by VPDPBUSD on 512 bits, in machine code (<see cref="SparseInt8VnniTile"/>).</summary>
internal readonly unsafe struct SparseInt8Vnni : ISparseInt8
{
    public static string Name => "avx512vnni";

    public static CpuFeature Requires => CpuFeature.Avx2 | CpuFeature.Avx512Vnni;

    public static int Lanes => 16;

    public static int Step => 4;

    public static int Vectors(int rows) => rows == 1 ? SparseInt8VnniTile.VectorsOfOne : SparseInt8VnniTile.VectorsOfFour;

    public static SparseCost Cost(int rows) => rows == 1 ? new(1.2, 1.1, 1, 0.365, 0.3) : new(6.9, 2.25, 3.5, 0.36, 0.36);

    public static bool ExcludesMinimum => false;

    public static int Factor => 1;

    public static int InputOffset(int zeroPoint) => 128;

    public static bool IsRaw => false;

    public static void Convert(sbyte* source, byte* destination, nint count, int zeroPoint) => Int8Widening.ToUnsigned(source, destination, count);

    public static int Side => 8;

    public static void ToPanel(int* x, int* y, nint stepX, nint stepY, nint nextX, nint nextY, int squares) => Transpose(x, y, stepX, stepY, nextX, nextY, squares);

    public static void Transpose(int* x, int* y, nint stepX, nint stepY, nint nextX, nint nextY, int squares) =>
        SparseFloat32Avx2.Transpose((float*)x, (float*)y, stepX, stepY, nextX, nextY, squares);

    public static void Requantize(int* sums, nint pitch, int count, int* multipliers, int* words, in ConvolutionInt8Call call) =>
        SparseInt8X86<Int8DotAvx2>.Requantize(sums, pitch, count, multipliers, words, call);

    /// <summary>Doubled.</summary>
    public static void Multiply<TRows>(in SparseRows rows, byte* panel, int count, int* sums) where TRows : struct, ICount =>
        Run<TRows>(Call<TRows>(rows, panel, sums), count, false);

    /// <summary>For the rows, without what turns sums into results.</summary>
    public static SparseInt8VnniCall Call<TRows>(in SparseRows rows, byte* panel, int* output) where TRows : struct, ICount => new()
    {
        Units = rows.Units + (4L + 4 * TRows.Value) * *rows.Starts,
        Starts = rows.Starts,
        Bias = rows.Bias,
        Panel = panel,
        Output = output,
        Pitch = rows.Pitch * sizeof(int),
        Groups = (rows.Channels + 3) / 4,
    };

    /// <summary>For <paramref name="count"/> positions.</summary>
    public static void Run<TRows>(SparseInt8VnniCall call, int count, bool hasResults) where TRows : struct, ICount
    {
        int step = Vectors(TRows.Value);
        for (int vectors = (count + Lanes - 1) / Lanes; vectors > 0; vectors -= step, call.Panel += step * Lanes * sizeof(int), call.Output += step * Lanes)
            SparseInt8VnniTile.Run(call, Math.Min(vectors, step), TRows.Value, hasResults);
    }
}
