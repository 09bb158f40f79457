namespace EdgeRuntime.Kernels;

/// <summary>
/// C [M,N] = A [M,K] · B [K,N], or that added to C. A and B are given by the distances of their rows and columns, so that a
/// transposed matrix needs no copy; C has rows <see cref="StepC"/> apart and columns side by side. All distances in elements.
/// </summary>
public unsafe struct MatrixProductCall
{
    /// <summary>First elements.</summary>
    public float* A, B, C;

    /// <summary>Sizes.</summary>
    public int M, N, K;

    /// <summary>From row to row, and from column to column, of A and B.</summary>
    public nint RowsA, ColumnsA, RowsB, ColumnsB;

    /// <summary>From row to row of C.</summary>
    public nint StepC;

    /// <summary>Whether the product is added to what C holds.</summary>
    public bool Accumulate;

    /// <summary>A·B of two matrices without gaps, each transposed or not: A is [M,K] or [K,M] in memory, B [K,N] or [N,K].</summary>
    public static MatrixProductCall Of(float* a, bool transposeA, float* b, bool transposeB, float* c, int m, int n, int k, bool accumulate = false) => new()
    {
        A = a,
        B = b,
        C = c,
        M = m,
        N = n,
        K = k,
        RowsA = transposeA ? 1 : k,
        ColumnsA = transposeA ? m : 1,
        RowsB = transposeB ? 1 : n,
        ColumnsB = transposeB ? k : 1,
        StepC = n,
        Accumulate = accumulate,
    };
}
