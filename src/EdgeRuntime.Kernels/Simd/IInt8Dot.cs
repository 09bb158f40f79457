namespace EdgeRuntime.Kernels;

/// <summary>
/// One way to multiply int8 data on vectors of int32 lanes: each lane multiplies the elements in 4 bytes of input with as many
/// of weights and adds the products, exactly. <see cref="ConvolutionInt8Gemm{TDot, TVector}"/> is written once over it.
/// </summary>
public unsafe interface IInt8Dot<TVector> : IInt8Operands where TVector : unmanaged
{
    /// <summary>The unaligned vector at <paramref name="source"/>.</summary>
    static abstract TVector Load(void* source);

    /// <summary>4 bytes in every lane.</summary>
    static abstract TVector Broadcast(void* source);

    /// <summary>sum + Σ input·weight in every lane.</summary>
    static abstract TVector MultiplyAdd(TVector sum, TVector input, TVector weights);

    /// <summary>The same for two vectors of weights, in the order that suits the processor.</summary>
    static abstract void MultiplyAdd(ref TVector sum0, ref TVector sum1, TVector input, TVector weights0, TVector weights1);

    /// <summary>Stores doubled sums.</summary>
    static abstract void Store(int* destination, TVector sum);
}
