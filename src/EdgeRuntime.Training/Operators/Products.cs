using EdgeRuntime.Kernels;

namespace EdgeRuntime.Training;

/// <summary>Matrix products over arrays, for operators.</summary>
internal static unsafe class Products
{
    /// <summary>
    /// C = op(A) · op(B), or that added to C, from the given offsets on: sizes and transpositions as in
    /// <see cref="MatrixProductCall.Of"/>; <paramref name="stepC"/> 0 means N.
    /// </summary>
    public static void Multiply(this Tape tape, float[] a, int offsetA, bool transposeA, float[] b, int offsetB, bool transposeB, float[] c, int offsetC,
        int m, int n, int k, bool accumulate, int stepC = 0, int stepA = 0)
    {
        float[] workspace = Workspace(tape.Product.WorkspaceFloats);
        fixed (float* pa = a, pb = b, pc = c, pw = workspace)
        {
            MatrixProductCall call = MatrixProductCall.Of(pa + offsetA, transposeA, pb + offsetB, transposeB, pc + offsetC, m, n, k, accumulate);
            if (stepC != 0) call.StepC = stepC;
            if (stepA != 0) (call.RowsA, call.ColumnsA) = transposeA ? (1, stepA) : (stepA, 1);
            tape.Product.Run(call, pw);
        }
    }

    [ThreadStatic]
    private static float[]? _workspace;

    private static float[] Workspace(int count) => _workspace is { } w && w.Length >= count ? w : _workspace = new float[Math.Max(1, count)];
}
