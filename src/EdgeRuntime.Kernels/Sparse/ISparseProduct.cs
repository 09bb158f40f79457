namespace EdgeRuntime.Kernels;

/// <summary>
/// One way to multiply for sparse weights: each 32-bit lane is an output position, whose step of depth (a float, 2 elements of 16 bits, or 4 bytes) meets the same
/// step of weights in all lanes.
/// </summary>
/// <typeparam name="TVector">The vector of sums.</typeparam>
/// <typeparam name="TOperand">As many steps of input, or of weights.</typeparam>
internal unsafe interface ISparseProduct<TVector, TOperand> : ISparse where TVector : unmanaged where TOperand : unmanaged
{
    /// <summary>Whether a sum takes longer than the loads of its product, so that several chains are better than one.</summary>
    static abstract bool WaitsForSums { get; }

    /// <summary>One step of all lanes, from a panel: the vector with this number behind <paramref name="source"/>.</summary>
    static abstract TOperand Load(byte* source, int vector);

    /// <summary>4 bytes of weights for all lanes.</summary>
    static abstract TOperand Broadcast(byte* source);

    /// <summary>A channel's bias in all lanes.</summary>
    static abstract TVector Start(int* bias);

    /// <summary>sum + Σ input · weights in every lane.</summary>
    static abstract TVector MultiplyAdd(TVector sum, TOperand input, TOperand weights);

    /// <summary>Both chains' sums.</summary>
    static abstract TVector Add(TVector a, TVector b);

    /// <summary>A limit of the clamp for <see cref="Store"/>.</summary>
    static abstract TVector Limit(float value);

    /// <summary>Stores sums, clamped if they are results.</summary>
    static abstract void Store(int* destination, TVector sum, TVector low, TVector high);
}
