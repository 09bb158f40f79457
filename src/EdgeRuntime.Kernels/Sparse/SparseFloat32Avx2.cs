namespace EdgeRuntime.Kernels;

/// <summary>Sparse float products on 8 lanes.</summary>
internal readonly unsafe struct SparseFloat32Avx2 : ISparseFloat32
{
    public static string Name => "avx2";

    public static CpuFeature Requires => CpuFeature.Avx2;

    public static int Vectors(int rows) => rows == 1 ? 8 : 2;

    public static SparseCost Cost(int rows) => rows == 1 ? new(0.3, 0.82, 8, 0.55, 0.15) : new(2.7, 1.15, 10, 0.55, 0.15);

    public static void Transpose(float* x, float* y, nint stepX, nint stepY, nint nextX, nint nextY, int squares)
    {
        for (; squares > 0; squares--, x += nextX, y += nextY) TransposeAvx2.Block(x, y, stepX, stepY);
    }
}
