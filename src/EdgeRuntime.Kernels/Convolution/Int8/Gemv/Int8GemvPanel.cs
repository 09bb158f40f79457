using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels;

/// <summary>A row and the panel of up to 4 vectors of channels that it meets: where all is, and how sums begin and end. For <see cref="ConvolutionInt8Gemv{TStep}"/>.</summary>
internal unsafe struct Int8GemvPanel
{
    private const int Lanes = 8;

    /// <summary>The row as it is multiplied, and its weights.</summary>
    public byte* X, Weights;

    /// <summary>Biases, then float scales if there are.</summary>
    public int* Header;

    /// <summary>Elements of the row.</summary>
    public int Depth;

    /// <summary>Bytes between weights and those to be asked for.</summary>
    public nint Ahead;

    /// <summary>Whether sums become results; else they are doubled and go to <see cref="Sums"/>.</summary>
    public bool InFloats;

    /// <summary>For the results.</summary>
    public Int8FloatOutput Constants;

    /// <summary>Where results go.</summary>
    public sbyte* Output;

    /// <summary>Room for the sums of a panel.</summary>
    public int* Sums;

    /// <summary>The sums before all products.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Begin<TVectors>(out Vector256<int> s0, out Vector256<int> s1, out Vector256<int> s2, out Vector256<int> s3) where TVectors : struct, ICount
    {
        s0 = Vector256.Load(Header);
        s1 = TVectors.Value > 1 ? Vector256.Load(Header + Lanes) : default;
        s2 = TVectors.Value > 2 ? Vector256.Load(Header + 2 * Lanes) : default;
        s3 = TVectors.Value > 3 ? Vector256.Load(Header + 3 * Lanes) : default;
    }

    /// <summary>Stores results, or doubled sums.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void End<TVectors>(Vector256<int> s0, Vector256<int> s1, Vector256<int> s2, Vector256<int> s3) where TVectors : struct, ICount
    {
        if (!InFloats)
        {
            (s0 + s0).Store(Sums);
            if (TVectors.Value > 1) (s1 + s1).Store(Sums + Lanes);
            if (TVectors.Value > 2) (s2 + s2).Store(Sums + 2 * Lanes);
            if (TVectors.Value > 3) (s3 + s3).Store(Sums + 3 * Lanes);
            return;
        }
        float* scales = (float*)(Header + TVectors.Value * Lanes);
        s0 = Int8FloatOutput.Round(s0, scales, Constants);
        if (TVectors.Value > 1) s1 = Int8FloatOutput.Round(s1, scales + Lanes, Constants);
        if (TVectors.Value > 2) s2 = Int8FloatOutput.Round(s2, scales + 2 * Lanes, Constants);
        if (TVectors.Value > 3) s3 = Int8FloatOutput.Round(s3, scales + 3 * Lanes, Constants);
        if (TVectors.Value == 1) Int8FloatOutput.Store<N1>(s0, s0, Output, false, s0, s0, Output, Constants);
        else Int8FloatOutput.Store<N2>(s0, s1, Output, TVectors.Value == 4, s2, s3, Output + 2 * Lanes, Constants);
        if (TVectors.Value == 3) Int8FloatOutput.Store<N1>(s2, s2, Output + 2 * Lanes, false, s2, s2, Output, Constants);
    }
}
