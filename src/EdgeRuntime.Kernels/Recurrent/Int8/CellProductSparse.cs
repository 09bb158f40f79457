using System.Runtime.CompilerServices;

namespace EdgeRuntime.Kernels;

/// <summary>One instruction set's product with slabs: 8 units × 4 elements of one gate.</summary>
internal unsafe interface ISlab
{
    /// <summary>Cycles for a slab; for estimates.</summary>
    static abstract double Cycles { get; }

    /// <summary>Cycles for the beginning and end of a list of slabs, 8 units of a gate; for estimates.</summary>
    static virtual double ListCycles => 6;

    /// <summary>Bytes of a converted element.</summary>
    static abstract int ElementBytes { get; }

    /// <summary>What an element is multiplied as, minus the element.</summary>
    static abstract int Offset(int zeroPoint);

    /// <summary>Converts elements as <see cref="ICellProduct.Convert"/> does; those behind the last meet weights of 0: whatever they are, they must only be readable.</summary>
    static abstract void Convert(sbyte* source, byte* destination, int count, int zeroPoint);

    /// <summary>Bytes of a weight.</summary>
    static abstract int WeightBytes { get; }

    /// <summary>Slabs that are multiplied together.</summary>
    static abstract int Together { get; }

    /// <summary>The weight's number in its slab.</summary>
    static abstract int Place(int unit, int element);

    /// <summary>sums[8] = Σ over slabs; <paramref name="offsets"/> says where in x the elements of each lie.</summary>
    static abstract void Run(byte* x, byte* slabs, int* offsets, int count, int* sums);
}

/// <summary>
/// Skips zero weights, whatever pattern they follow: of each gate, slabs of 8 units × 4 elements that are all 0 are not stored. A
/// panel holds counts [gate][eight units], the places of the elements, and the slabs.
/// </summary>
/// <typeparam name="D">The dense product, whose panels are taken.</typeparam>
/// <typeparam name="S">The product with a slab.</typeparam>
internal readonly unsafe struct CellProductSparse<D, S> : ICellProduct where D : struct, ICellProduct where S : struct, ISlab
{
    public static string Name => "sparse-" + D.Name;

    public static CpuFeature Requires => D.Requires;

    public static int Units => D.Units;

    public static int Step => 4;

    public static double ProductsPerCycle => D.ProductsPerCycle;

    public static bool IsSparse => true;

    public static double SlabCycles => S.Cycles;

    public static double ListCycles => S.ListCycles;

    public static int WeightBytes => S.WeightBytes;

    public static int SlabsTogether => S.Together;

    public static bool NeedsSmallWeights => D.NeedsSmallWeights;

    public static int ElementBytes => S.ElementBytes;

    public static int Offset(int zeroPoint) => S.Offset(zeroPoint);

    public static (int Index, sbyte Stored) Place(int unit, int element, sbyte weight) => (S.Place(unit, element), weight);

    public static void Convert(sbyte* source, byte* destination, int count, int zeroPoint) => S.Convert(source, destination, count, zeroPoint);

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Run<TGates>(byte* x, sbyte* weights, int steps, int* sums) where TGates : struct, ICount
    {
        int groups = TGates.Value * Units / 8, total = 0;
        int* counts = (int*)weights;
        for (int i = 0; i < groups; i++) total += counts[i];
        int* offsets = (int*)((byte*)weights + Round(groups * sizeof(int)));
        byte* slabs = (byte*)offsets + Round(total * sizeof(int));
        for (int i = 0; i < groups; i++, sums += 8)
        {
            S.Run(x, slabs, offsets, counts[i], sums);
            slabs += counts[i] * 32 * WeightBytes;
            offsets += counts[i];
        }
    }

    private static int Round(int bytes) => (bytes + 63) / 64 * 64;
}
