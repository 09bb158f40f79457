namespace EdgeRuntime.Kernels;

/// <summary>
/// The product of one int8 vector with a panel of weights on one instruction set. A panel lies [step][gate][units × elements of
/// the step]; steps are <see cref="Step"/> elements of the vector.
/// </summary>
internal unsafe interface ICellProduct
{
    /// <summary>The instruction set's name in kernel ids.</summary>
    static abstract string Name { get; }

    /// <summary>What it needs.</summary>
    static abstract CpuFeature Requires { get; }

    /// <summary>Units of a panel.</summary>
    static abstract int Units { get; }

    /// <summary>Elements of the vector that one instruction takes.</summary>
    static abstract int Step { get; }

    /// <summary>Products a cycle where the weights come from the second-level cache; for estimates.</summary>
    static abstract double ProductsPerCycle { get; }

    /// <summary>Whether panels hold only the slabs, 8 units × 4 elements of a gate, in which a weight is not 0; see <see cref="CellProductSparse{D, S}"/>.</summary>
    static virtual bool IsSparse => false;

    /// <summary>Cycles for a slab; for estimates.</summary>
    static virtual double SlabCycles => 0;

    /// <summary>Cycles for a list of slabs besides; for estimates.</summary>
    static virtual double ListCycles => 0;

    /// <summary>Bytes of a slab, which lies as <see cref="Place"/> says with each weight <see cref="WeightBytes"/> long.</summary>
    static virtual int WeightBytes => 1;

    /// <summary>Slabs that are multiplied together: a gate's are filled up with zeros to a multiple.</summary>
    static virtual int SlabsTogether => 1;

    /// <summary>Whether no product pair may reach 2^15: then weights of −128 are refused.</summary>
    static abstract bool NeedsSmallWeights { get; }

    /// <summary>Bytes of a converted element.</summary>
    static abstract int ElementBytes { get; }

    /// <summary>What an element is multiplied as, minus the element.</summary>
    static abstract int Offset(int zeroPoint);

    /// <summary>Where in the bytes of a gate and step the weight of a unit for an element of the step lies; and as which byte.</summary>
    static abstract (int Index, sbyte Stored) Place(int unit, int element, sbyte weight);

    /// <summary>Converts elements, and fills with the value for nothing up to a whole step; 64 bytes behind are free to use.</summary>
    static abstract void Convert(sbyte* source, byte* destination, int count, int zeroPoint);

    /// <summary>sums[gate][unit] = Σ of <paramref name="steps"/> steps.</summary>
    static abstract void Run<TGates>(byte* x, sbyte* weights, int steps, int* sums) where TGates : struct, ICount;

    /// <summary>Vectors that one pass over the weights multiplies.</summary>
    static virtual int Rows => 1;

    /// <summary>sums[vector][gate][unit] of up to <see cref="Rows"/> vectors, <paramref name="distance"/> bytes apart, where that is more than one.</summary>
    static virtual void Run(int gates, int rows, byte* x, nint distance, sbyte* weights, int steps, int* sums) => throw new NotSupportedException();
}
