namespace EdgeRuntime.Kernels;

/// <summary>
/// Products of float matrices that both change from call to call, as training needs them; layers with constant weights have
/// the convolution kernels. Each element of C is one sum over k in ascending order, in blocks of <see cref="BlockDepth"/>,
/// whatever M and N are: splitting the rows among workers changes no bit of the result.
/// </summary>
public abstract unsafe class MatrixProductKernel : Kernel
{
    /// <summary>Products summed in registers before they are added to C.</summary>
    public const int BlockDepth = 256;

    /// <summary>Floats of workspace that one call needs.</summary>
    public abstract int WorkspaceFloats { get; }

    /// <summary>Multiplies. <paramref name="workspace"/> has <see cref="WorkspaceFloats"/> elements. M, N or K may be 0.</summary>
    public abstract void Run(in MatrixProductCall call, float* workspace);

    /// <summary>Clears C, which is what a sum of nothing is.</summary>
    private protected static void Clear(in MatrixProductCall call)
    {
        for (int m = 0; m < call.M; m++) new Span<float>(call.C + m * call.StepC, call.N).Clear();
    }
}
