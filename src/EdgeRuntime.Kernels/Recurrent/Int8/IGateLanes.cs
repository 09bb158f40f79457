using System.Runtime.CompilerServices;

namespace EdgeRuntime.Kernels;

/// <summary>The arithmetic of <see cref="GateFunctions"/> on one width of vectors of int16, behind one set of names.</summary>
/// <typeparam name="W">The vector.</typeparam>
internal unsafe interface IGateLanes<W> where W : unmanaged
{
    /// <summary>What the kernel id ends with.</summary>
    static virtual string Suffix => "";

    /// <summary>What is needed besides the product's instruction set.</summary>
    static virtual CpuFeature Requires => CpuFeature.None;

    /// <summary>Cycles for the functions of a panel, of 8 or 16 units; for estimates.</summary>
    static virtual double UnitCycles => 200;

    /// <summary>Whether the functions' tables are of words, not of low and of high bytes.</summary>
    static virtual bool HasWordTables => false;

    /// <summary>Integers in a vector.</summary>
    static abstract int Lanes { get; }

    /// <summary>A vector, any alignment.</summary>
    static abstract W Load(short* p);

    /// <summary>Writes a vector.</summary>
    static abstract void Store(short* p, W v);

    /// <summary>The value in every lane.</summary>
    static abstract W Create(short value);

    /// <summary>(a·b + 2^14) >> 15.</summary>
    static abstract W MulRound(W a, W b);

    /// <summary>a + b, saturated.</summary>
    static abstract W AddSaturate(W a, W b);

    /// <summary>a − b, wrapped.</summary>
    static abstract W Sub(W a, W b);

    /// <summary>min(max(v, low), high).</summary>
    static abstract W Clamp(W v, W low, W high);

    /// <summary>The cubic of <see cref="GateFunctions"/> for |x|.</summary>
    static abstract W Cubic(byte* table, W x);

    /// <summary>y or <paramref name="from"/> − y where x is negative.</summary>
    static abstract W Reflect(W y, W x, W from);

    /// <summary><see cref="GateFunctions.ProductToCell"/> with the right shift <paramref name="shift"/>.</summary>
    static abstract W ProductShift(W a, W b, int shift);

    /// <summary>v · 2^<paramref name="left"/>: saturating to the left, rounding to the right.</summary>
    static abstract W Shift(W v, int left);

    /// <summary>saturate16(Requantize.Scale(sums + bias, multipliers, shifts)); bias, multipliers and shifts lie <paramref name="stride"/> integers apart.</summary>
    static abstract W Narrow(int* sums, int* constants, int stride);

    /// <summary><see cref="GateFunctions.ToHidden"/> of all lanes.</summary>
    static abstract void StoreHidden(sbyte* y, W state, int multiplier, int zeroPoint);
}

/// <summary>σ and tanh on vectors.</summary>
internal static unsafe class GateLanes<L, W> where L : struct, IGateLanes<W> where W : unmanaged
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static W Sigmoid(byte* tables, W x) => L.Reflect(L.Cubic(tables, x), x, L.Create(short.MinValue));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static W Tanh(byte* tables, W x) => L.Reflect(L.Cubic(tables + 4 * GateFunctions.CoefficientBytes, x), x, default);
}
