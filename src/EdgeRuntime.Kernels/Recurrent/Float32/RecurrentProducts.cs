using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace EdgeRuntime.Kernels;

/// <summary>How R is stored, and multiplied with a state, by panels of as many units as a vector has lanes.</summary>
internal unsafe interface IRecurrentProduct
{
    /// <summary>The kernel's id between "recurrent-f32-" and the instruction set, and what distinguishes it.</summary>
    static abstract (string Id, string Text) Name { get; }

    /// <summary>Whether it can do it.</summary>
    static abstract bool Supports(in RecurrentCellShape shape);

    /// <summary>Cycles of all products of one step; for estimates.</summary>
    static abstract double Cycles(in RecurrentCellShape shape, double productsPerCycle);

    /// <summary>Floats that <see cref="Pack"/> writes.</summary>
    static abstract long Floats(in RecurrentCellShape shape);

    /// <summary>Brings rows [D·G·H, depth] and biases (or none) to its layout; <paramref name="packed"/> is clear.</summary>
    static abstract void Pack(in RecurrentCellShape shape, ReadOnlySpan<float> weights, ReadOnlySpan<float> bias, Span<float> packed);

    /// <summary>
    /// sums[gate][lane] of a panel, biases included: of the gates that are computed together, or of those <paramref name="late"/> ones that wait for them.
    /// </summary>
    static abstract void Run<TGates>(in RecurrentCellShape shape, float* packed, int direction, int panel, bool late, float* source, float* sums) where TGates : struct, ICount;
}

/// <summary>All weights, [bias, then k] × [gate][lane]: for each direction the panels of the gates that are computed together, then of those that are computed after them.</summary>
internal readonly unsafe struct RecurrentDense<S, V> : IRecurrentProduct where S : struct, IFloatVector<V> where V : unmanaged
{
    public static (string, string) Name => ("", "");

    public static bool Supports(in RecurrentCellShape shape) => !shape.IsProductGiven;

    public static double Cycles(in RecurrentCellShape s, double productsPerCycle) => (double)s.Directions * s.Gates * Panels(s) * s.Depth * S.Lanes / productsPerCycle;

    public static long Floats(in RecurrentCellShape s) => (long)s.Directions * Panels(s) * s.Gates * S.Lanes * (1 + s.Depth);

    public static void Pack(in RecurrentCellShape shape, ReadOnlySpan<float> weights, ReadOnlySpan<float> bias, Span<float> packed)
    {
        int hidden = shape.Hidden, depth = shape.Depth, at = 0, together = shape.Together;
        for (int d = 0; d < shape.Directions; d++)
            foreach ((int first, int end) in (ReadOnlySpan<(int, int)>)[(0, together), (together, shape.Gates)])
                for (int u = 0; u < hidden && first < end; u += S.Lanes)
                {
                    int step = (end - first) * S.Lanes;
                    for (int g = first; g < end; g++)
                        for (int lane = 0; lane < S.Lanes && u + lane < hidden; lane++)
                        {
                            int row = (d * shape.Gates + g) * hidden + u + lane, to = at + (g - first) * S.Lanes + lane;
                            if (!bias.IsEmpty) packed[to] = bias[row];
                            for (int k = 0; k < depth; k++) packed[to + (1 + k) * step] = weights[row * depth + k];
                        }
                    at += step * (1 + depth);
                }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Run<TGates>(in RecurrentCellShape s, float* packed, int direction, int panel, bool late, float* source, float* sums) where TGates : struct, ICount
    {
        int panels = Panels(s), together = s.Together;
        nint floats = S.Lanes * (1 + s.Depth);
        float* weights = packed + (nint)direction * panels * s.Gates * floats + (late ? (nint)panels * together + panel : (nint)panel * together) * floats;
        GemvFloat32Tile<S, V>.Run<TGates>(new GemmFloat32Task { Rows = &source, Length = s.Depth, Panel = weights, Output = sums, Min = float.NegativeInfinity, Max = float.PositiveInfinity });
    }

    private static int Panels(in RecurrentCellShape s) => (s.Hidden + S.Lanes - 1) / S.Lanes;
}

/// <summary>
/// Of each gate only the slabs, a vector of units × 4 elements of the state, in which a weight is not 0. For every direction, gate and panel, in
/// this order: where its slabs begin, counted; then for every slab where its elements begin; then the biases; then the slabs, [element][lane].
/// </summary>
internal readonly unsafe struct RecurrentSlabs<S, V> : IRecurrentProduct where S : struct, IFloatVector<V> where V : unmanaged
{
    private const int Elements = 4;

    // Each product needs its element in all lanes, besides its weights; the slab's place is read once.
    private const double CyclesPerProduct = 1.3;

    public static (string, string) Name => ("sparse-", $"; skips zero weights in units of {S.Lanes}×4 (units × inputs)");

    public static bool Supports(in RecurrentCellShape shape) => shape is { Units: not null, IsProductGiven: false, Rank: 0, Hidden: > 0 } && shape.Hidden % Math.Max(S.Lanes, Elements) == 0;

    public static double Cycles(in RecurrentCellShape s, double productsPerCycle) => Slabs(s) * Elements * S.Lanes / productsPerCycle * CyclesPerProduct + Lists(s) * 6;

    public static long Floats(in RecurrentCellShape s) => Head(s) + Slabs(s) * Elements * S.Lanes;

    public static void Pack(in RecurrentCellShape shape, ReadOnlySpan<float> weights, ReadOnlySpan<float> bias, Span<float> packed)
    {
        int hidden = shape.Hidden, slab = 0, list = 0;
        Span<int> starts = MemoryMarshal.Cast<float, int>(packed), places = starts[(Lists(shape) + 1)..];
        Span<float> biases = packed[(int)(Head(shape) - Lists(shape) * S.Lanes)..], slabs = packed[(int)Head(shape)..];
        for (int row = 0; row < Lists(shape) * S.Lanes; row += S.Lanes, list++)
        {
            starts[list] = slab;
            if (!bias.IsEmpty) bias.Slice(row, S.Lanes).CopyTo(biases[row..]);
            for (int k = 0; k < hidden; k += Elements)
            {
                bool isEmpty = true;
                for (int lane = 0; lane < S.Lanes; lane++)
                    for (int e = 0; e < Elements; e++)
                    {
                        float w = weights[(row + lane) * hidden + k + e];
                        if (w == 0) continue;
                        isEmpty = false;
                        slabs[(slab * Elements + e) * S.Lanes + lane] = w;
                    }
                if (!isEmpty) places[slab++] = k;
            }
        }
        starts[list] = slab;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Run<TGates>(in RecurrentCellShape s, float* packed, int direction, int panel, bool late, float* source, float* sums) where TGates : struct, ICount
    {
        int lists = (int)Lists(s), panels = s.Hidden / S.Lanes, list = (direction * s.Gates + (late ? s.Together : 0)) * panels + panel;
        int* starts = (int*)packed, places = starts + lists + 1;
        float* slabs = packed + Head(s), biases = slabs - (nint)lists * S.Lanes;
        for (int gate = 0; gate < TGates.Value; gate++, list += panels, sums += S.Lanes)
        {
            V a = S.Load(biases + (nint)list * S.Lanes), b = default, c = default, d = default;
            float* w = slabs + (nint)starts[list] * Elements * S.Lanes;
            for (int i = starts[list]; i < starts[list + 1]; i++, w += Elements * S.Lanes)
            {
                float* x = source + places[i];
                a = S.Fma(S.Broadcast(x), S.Load(w), a);
                b = S.Fma(S.Broadcast(x + 1), S.Load(w + S.Lanes), b);
                c = S.Fma(S.Broadcast(x + 2), S.Load(w + 2 * S.Lanes), c);
                d = S.Fma(S.Broadcast(x + 3), S.Load(w + 3 * S.Lanes), d);
            }
            S.Store(sums, S.Add(S.Add(a, b), S.Add(c, d)));
        }
    }

    private static long Slabs(in RecurrentCellShape s) => s.Units!.Count(S.Lanes, Elements);

    private static int Lists(in RecurrentCellShape s) => s.Directions * s.Gates * s.Hidden / S.Lanes;

    // Rounded up, so that slabs are aligned.
    private static long Head(in RecurrentCellShape s) => (Lists(s) + 1 + Slabs(s) + (long)Lists(s) * S.Lanes + 15) / 16 * 16;
}

/// <summary>Nothing: the sums are given, [gate][unit].</summary>
internal readonly unsafe struct RecurrentGiven<S, V> : IRecurrentProduct where S : struct, IFloatVector<V> where V : unmanaged
{
    public static (string, string) Name => ("given-", "; sums of other kernels");

    public static bool Supports(in RecurrentCellShape shape) => shape is { IsProductGiven: true, Rank: 0 };

    public static double Cycles(in RecurrentCellShape shape, double productsPerCycle) => 0;

    public static long Floats(in RecurrentCellShape shape) => 0;

    public static void Pack(in RecurrentCellShape shape, ReadOnlySpan<float> weights, ReadOnlySpan<float> bias, Span<float> packed)
    {
    }

    public static void Run<TGates>(in RecurrentCellShape shape, float* packed, int direction, int panel, bool late, float* source, float* sums) where TGates : struct, ICount
    {
        int count = Math.Min(S.Lanes, shape.Hidden - panel * S.Lanes);
        for (int gate = 0; gate < TGates.Value; gate++, source += shape.Hidden, sums += S.Lanes) S.Store(sums, count == S.Lanes ? S.Load(source) : S.LoadFirst(source, count));
    }
}
