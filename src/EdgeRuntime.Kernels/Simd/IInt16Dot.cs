namespace EdgeRuntime.Kernels;

/// <summary>
/// A multiplication of int16 pairs that can also share one product between two steps (S. Winograd, «A New Algorithm for Inner
/// Product», 1968): x0·w0 + x1·w1 = (x0 + w1)·(x1 + w0) − x0·x1 − w0·w1, elementwise, where the last two terms depend on the
/// input alone and on the weights alone. Half of the multiplications become 16-bit additions.
/// </summary>
public interface IInt16Dot<TVector> : IInt8Dot<TVector> where TVector : unmanaged
{
    /// <summary>sum + (x0 + w1)·(x1 + w0), the pairs' products added.</summary>
    static abstract TVector MultiplyPair(TVector sum, TVector x0, TVector x1, TVector w0, TVector w1);

    /// <summary>sum + term in every lane.</summary>
    static abstract TVector Add(TVector sum, int term);
}
