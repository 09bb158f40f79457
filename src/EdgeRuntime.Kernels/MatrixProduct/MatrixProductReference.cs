namespace EdgeRuntime.Kernels;

/// <summary>The product as plain loops.</summary>
internal sealed unsafe class MatrixProductReference : MatrixProductKernel
{
    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } =
        new("matmul-f32-reference", "matmul-f32", CpuFeature.None, "plain loops; the definition, and the fallback of processors without vectors");

    public override int WorkspaceFloats => 0;

    public override void Run(in MatrixProductCall call, float* workspace)
    {
        if (!call.Accumulate) Clear(call);
        for (int m = 0; m < call.M; m++)
            for (int n = 0; n < call.N; n++)
            {
                float sum = 0;
                for (int k = 0; k < call.K; k++)
                    sum += call.A[m * call.RowsA + k * call.ColumnsA] * call.B[k * call.RowsB + n * call.ColumnsB];
                call.C[m * call.StepC + n] += sum;
            }
    }
}
