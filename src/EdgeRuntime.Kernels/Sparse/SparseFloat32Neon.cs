namespace EdgeRuntime.Kernels;

/// <summary>Sparse float products on 4 lanes.</summary>
internal readonly unsafe struct SparseFloat32Neon : ISparseFloat32
{
    public static string Name => "neon";

    public static CpuFeature Requires => CpuFeature.Neon;

    public static int Vectors(int rows) => rows == 1 ? 8 : 4;

    public static SparseCost Cost(int rows) => rows == 1 ? new(2, 1.1, 20, 1, 0.5) : new(3.5, 4.1, 25, 1, 0.5);

    public static void Transpose(float* x, float* y, nint stepX, nint stepY, nint nextX, nint nextY, int squares)
    {
        for (; squares > 0; squares--, x += nextX, y += nextY) TransposeNeon.Block((uint*)x, (uint*)y, stepX, stepY);
    }
}
