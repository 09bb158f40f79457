using System.Runtime.CompilerServices;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Tiles of 6 rows × 2 vectors. A panel of B, <see cref="MatrixProductKernel.BlockDepth"/> deep and two vectors wide, is
/// copied into the workspace, where it stays in the first-level cache while all rows of A pass by; A is read where it lies.
/// </summary>
/// <typeparam name="S">The instruction set.</typeparam>
/// <typeparam name="V">Its register.</typeparam>
internal abstract unsafe class MatrixProductVector<S, V> : MatrixProductKernel where S : struct, IFloatVector<V> where V : unmanaged
{
    private const int Rows = 6;

    private static int Columns => 2 * S.Lanes;

    /// <summary>A panel, then a tile for columns and rows that don't fill one.</summary>
    public override int WorkspaceFloats => BlockDepth * Columns + Rows * Columns;

    public override void Run(in MatrixProductCall call, float* workspace)
    {
        if (call.K == 0 && !call.Accumulate) Clear(call);
        float* edge = workspace + BlockDepth * Columns;
        for (int k = 0; k < call.K; k += BlockDepth)
        {
            int depth = Math.Min(BlockDepth, call.K - k);
            bool add = call.Accumulate || k > 0;
            for (int n = 0; n < call.N; n += Columns)
            {
                int columns = Math.Min(Columns, call.N - n);
                PackPanel(call, k, n, depth, columns, workspace);
                float* a = call.A + k * call.ColumnsA, c = call.C + n;
                for (int m = 0; m < call.M; m += Rows, a += Rows * call.RowsA, c += Rows * call.StepC)
                {
                    int rows = Math.Min(Rows, call.M - m);
                    if (rows == Rows && columns == Columns) Tile(a, call.RowsA, call.ColumnsA, workspace, depth, c, call.StepC, add);
                    else Edge(call, a, workspace, depth, c, rows, columns, add, edge);
                }
            }
        }
    }

    private static void PackPanel(in MatrixProductCall call, int k, int n, int depth, int columns, float* panel)
    {
        float* b = call.B + k * call.RowsB + n * call.ColumnsB;
        if (columns < Columns) new Span<float>(panel, depth * Columns).Clear();
        if (call.ColumnsB == 1 && columns == Columns)
            for (int i = 0; i < depth; i++, b += call.RowsB, panel += Columns)
            {
                S.Store(panel, S.Load(b));
                S.Store(panel + S.Lanes, S.Load(b + S.Lanes));
            }
        else
            for (int j = 0; j < columns; j++)
            {
                float* from = b + j * call.ColumnsB;
                for (int i = 0; i < depth; i++) panel[i * Columns + j] = from[i * call.RowsB];
            }
    }

    /// <summary>Fewer rows or columns than a tile: computed in the workspace, and from there what exists.</summary>
    private static void Edge(in MatrixProductCall call, float* a, float* panel, int depth, float* c, int rows, int columns, bool add, float* edge)
    {
        // The rows before them fill the tile, where there are any; their results are not copied.
        int before = Rows - rows;
        if (call.M >= Rows) Tile(a - before * call.RowsA, call.RowsA, call.ColumnsA, panel, depth, edge, Columns, false);
        else for (int r = 0; r < rows; r++) Row(a + r * call.RowsA, call.ColumnsA, panel, depth, edge + r * Columns);
        if (call.M >= Rows) edge += before * Columns;
        for (int r = 0; r < rows; r++)
            for (int j = 0; j < columns; j++)
                c[r * call.StepC + j] = (add ? c[r * call.StepC + j] : 0) + edge[r * Columns + j];
    }

    private static void Row(float* a, nint step, float* panel, int depth, float* c)
    {
        V c0 = default, c1 = default;
        for (int i = 0; i < depth; i++, a += step, panel += Columns)
        {
            V x = S.Broadcast(a);
            c0 = S.Fma(x, S.Load(panel), c0);
            c1 = S.Fma(x, S.Load(panel + S.Lanes), c1);
        }
        S.Store(c, c0);
        S.Store(c + S.Lanes, c1);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Tile(float* a, nint row, nint column, float* b, int depth, float* c, nint stepC, bool add)
    {
        V c00 = default, c01 = default, c10 = default, c11 = default, c20 = default, c21 = default;
        V c30 = default, c31 = default, c40 = default, c41 = default, c50 = default, c51 = default;
        float* a3 = a + 3 * row;
        for (int i = 0; i < depth; i++, a += column, a3 += column, b += Columns)
        {
            V b0 = S.Load(b), b1 = S.Load(b + S.Lanes), x = S.Broadcast(a);
            c00 = S.Fma(x, b0, c00);
            c01 = S.Fma(x, b1, c01);
            x = S.Broadcast(a + row);
            c10 = S.Fma(x, b0, c10);
            c11 = S.Fma(x, b1, c11);
            x = S.Broadcast(a + 2 * row);
            c20 = S.Fma(x, b0, c20);
            c21 = S.Fma(x, b1, c21);
            x = S.Broadcast(a3);
            c30 = S.Fma(x, b0, c30);
            c31 = S.Fma(x, b1, c31);
            x = S.Broadcast(a3 + row);
            c40 = S.Fma(x, b0, c40);
            c41 = S.Fma(x, b1, c41);
            x = S.Broadcast(a3 + 2 * row);
            c50 = S.Fma(x, b0, c50);
            c51 = S.Fma(x, b1, c51);
        }
        Store(c, c00, c01, add);
        Store(c += stepC, c10, c11, add);
        Store(c += stepC, c20, c21, add);
        Store(c += stepC, c30, c31, add);
        Store(c += stepC, c40, c41, add);
        Store(c + stepC, c50, c51, add);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* c, V low, V high, bool add)
    {
        if (add) (low, high) = (S.Add(low, S.Load(c)), S.Add(high, S.Load(c + S.Lanes)));
        S.Store(c, low);
        S.Store(c + S.Lanes, high);
    }
}
