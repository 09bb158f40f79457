namespace EdgeRuntime.Kernels;

/// <summary>
/// One instruction set's vector of floats behind one set of names, for kernels whose text is the same for all widths. The
/// methods are single instructions; a kernel that uses them may only run where its descriptor's features are present.
/// </summary>
/// <typeparam name="V">The register type.</typeparam>
internal unsafe interface IFloatVector<V> where V : unmanaged
{
    /// <summary>Floats in a register.</summary>
    static abstract int Lanes { get; }

    /// <summary>Registers. Where there are many, a kernel has room to load before it multiplies and to keep dependent instructions apart, as in-order cores need it.</summary>
    static abstract int Registers { get; }

    /// <summary>Lanes floats, any alignment.</summary>
    static abstract V Load(float* p);

    /// <summary>The first <paramref name="count"/> lanes, the others zero; touches nothing behind them.</summary>
    static abstract V LoadFirst(float* p, int count);

    /// <summary>Writes all lanes.</summary>
    static abstract void Store(float* p, V v);

    /// <summary>Writes the first <paramref name="count"/> lanes only.</summary>
    static abstract void StoreFirst(float* p, V v, int count);

    /// <summary>*p in every lane.</summary>
    static abstract V Broadcast(float* p);

    /// <summary>The value in every lane.</summary>
    static abstract V Create(float value);

    /// <summary>a · b + c, rounded once.</summary>
    static abstract V Fma(V a, V b, V c);

    /// <summary>a + b.</summary>
    static abstract V Add(V a, V b);

    /// <summary>a − b.</summary>
    static abstract V Sub(V a, V b);

    /// <summary>a · b.</summary>
    static abstract V Mul(V a, V b);

    /// <summary>a / b.</summary>
    static abstract V Div(V a, V b);

    /// <summary>max(v, low) with low not NaN; a NaN in <paramref name="v"/> stays NaN.</summary>
    static abstract V AtLeast(V v, V low);

    /// <summary>min(v, high) with high not NaN; a NaN in <paramref name="v"/> stays NaN.</summary>
    static abstract V AtMost(V v, V high);

    /// <summary><see cref="AtMost"/> of <see cref="AtLeast"/>.</summary>
    static abstract V Clamp(V v, V low, V high);

    /// <summary>The larger one; NaN where either is NaN.</summary>
    static abstract V Max(V a, V b);

    /// <summary>To the nearest integer, halves to even.</summary>
    static abstract V Round(V v);

    /// <summary>v · 2^n for integral n in [−126, 127].</summary>
    static abstract V Scale(V v, V n);

    /// <summary>v, but 0 where <paramref name="x"/> is below <paramref name="limit"/>.</summary>
    static abstract V ZeroBelow(V v, V x, V limit);

    /// <summary>a · elements[index] + c, rounded once; index is a constant below 4.</summary>
    static abstract V FmaElement(V a, V elements, int index, V c);

    /// <summary>
    /// Nibble number <paramref name="position"/> of each 32-bit word, unsigned, times 16^position; the last one, whose power would be the sign's, times 1. As integers, for
    /// <see cref="FromIntegers"/>.
    /// </summary>
    static abstract V Nibbles(V words, int position);

    /// <summary>The floats of 32-bit integers.</summary>
    static abstract V FromIntegers(V v);

    /// <summary>The sum of all lanes.</summary>
    static abstract float Sum(V v);
}
