using System.Runtime.InteropServices;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Rows or windows that became int8 while the network runs, with int8 weights, by the products of recurrent cells: panels of 4 vectors of outputs meet several rows while
/// they are in the cache. Each panel begins with its outputs' sums of weights.
/// </summary>
/// <typeparam name="P">The product.</typeparam>
internal sealed unsafe class ConvolutionDynamic<P> : Kernel, IDynamicKernel where P : struct, ICellProduct
{
    private const int MaxGates = 4;

    private static int RowsTogether => CellPanels<P>.RowsTogether;

    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } = new($"conv-s8-dynamic-{P.Name}", "convolution-s8-dynamic", P.Requires,
        $"int8 rows or windows × int8 weights to floats, {MaxGates * P.Units} outputs a panel" + (P.NeedsSmallWeights ? "; weights above -128" : ""));

    /// <summary>Products with int8 weights.</summary>
    public bool SupportsDynamic(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) => parameters.WeightBits == 8
        && parameters.WeightMultipliers.Length + parameters.WeightZeroPoints.Length == 0 && !(P.NeedsSmallWeights && parameters.Weights.Span.Contains(sbyte.MinValue));

    /// <summary>Products and results of whole vectors; windows put together; rows converted.</summary>
    public double EstimateCycles(in ConvolutionShape shape, ConvolutionInt8Parameters parameters)
    {
        int vectors = shape.Group * ((shape.OutPerGroup + P.Units - 1) / P.Units);
        double window = shape.IsPointwise ? 0 : 20 + shape.Depth / 8.0;
        return 500 + (double)shape.Positions * (vectors * P.Units * (shape.Depth / CellPanels<P>.ProductsPerCycle(shape.Positions) + 1) + shape.Group * (window + shape.Depth / 4.0));
    }

    /// <inheritdoc/>
    public long PackedBytes(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) => new Layout(shape).PackedBytes;

    /// <inheritdoc/>
    public void Pack(in ConvolutionShape shape, ConvolutionInt8Parameters parameters, ReadOnlySpan<sbyte> weights, Span<byte> destination)
    {
        destination.Clear();
        Layout layout = new(shape);
        for (int portion = 0; portion < layout.Portions; portion++)
        {
            (int first, int gates, int units, long at) = layout.Panel(portion);
            CellPanel panel = new(weights, shape.Depth, first, P.Units, gates, units);
            Span<byte> to = destination[(int)at..];
            Span<int> sums = MemoryMarshal.Cast<byte, int>(to[..Layout.SumsBytes(gates)]);
            for (int i = 0; i < gates * P.Units; i++)
                if (i % P.Units < units)
                    foreach (sbyte w in panel.Weights(i / P.Units, i % P.Units)) sums[i] += w;
            CellPanels<P>.Pack(panel, to[Layout.SumsBytes(gates)..]);
        }
    }

    /// <inheritdoc/>
    public long ScratchBytes(in ConvolutionShape shape, int workers)
    {
        GemmGeometry g = Geometry(shape);
        return g.CopyBytes + workers * WorkerBytes(g, shape);
    }

    /// <inheritdoc/>
    public int Stages(in ConvolutionShape shape) => Geometry(shape).Stages;

    /// <inheritdoc/>
    public int Portions(in ConvolutionShape shape, int stage) => stage < Geometry(shape).Stages - 1 ? Geometry(shape).CopyRows : new Layout(shape).Portions;

    /// <inheritdoc/>
    public void RunFloat(in ConvolutionDynamicCall call, int stage, int first, int end, int worker)
    {
        ConvolutionShape s = call.Integers.Shape;
        GemmGeometry g = Geometry(s);
        if (stage < g.Stages - 1)
        {
            g.CopyPadded(call.Integers.Input, (sbyte*)call.Integers.Scratch, (sbyte)call.Integers.InputZeroPoint, first, end);
            return;
        }
        Layout layout = new(s);
        int steps = (s.Depth + P.Step - 1) / P.Step;
        nint vectorBytes = (nint)Layout.VectorBytes(s);
        byte* gathered = call.Integers.Scratch + g.CopyBytes + worker * WorkerBytes(g, s), window = gathered + g.GatherBytes, vectors = window + Layout.WindowBytes(s);
        sbyte** rows = stackalloc sbyte*[RowsTogether];
        int* sums = stackalloc int[P.Rows * MaxGates * P.Units];
        for (int row = 0; row < s.Positions; row += RowsTogether)
        {
            int some = Math.Min(RowsTogether, s.Positions - row), converted = -1;
            for (int portion = first; portion < end; portion++)
            {
                int group = portion / layout.Panels;
                if (converted != group) g.Locate(g.IsCopied ? (sbyte*)call.Integers.Scratch : call.Integers.Input, group, row, some, (sbyte*)gathered, rows);
                for (int i = 0; i < some && converted != group; i++)
                    P.Convert(InOnePiece(g, rows[i], (sbyte*)window), vectors + i * vectorBytes, s.Depth, call.RowZeros[(row + i) * call.RowStep]);
                converted = group;
                (int output, int gates, int units, long at) = layout.Panel(portion);
                byte* panel = call.Integers.Packed + at;
                for (int i = 0; i < some; i++)
                {
                    int place = i % P.Rows;
                    if (place == 0) CellPanels<P>.Multiply(gates, Math.Min(P.Rows, some - i), vectors + i * vectorBytes, vectorBytes, (sbyte*)(panel + Layout.SumsBytes(gates)), steps, sums);
                    int zero = call.RowZeros[(row + i) * call.RowStep];
                    DynamicResults.Store(call, row + i, output, sums + place * gates * P.Units, (int*)panel, zero + P.Offset(zero), (gates - 1) * P.Units + units);
                }
            }
        }
    }

    private static GemmGeometry Geometry(in ConvolutionShape shape) => new(shape, 1, 1, 1);

    private static long WorkerBytes(in GemmGeometry g, in ConvolutionShape s) => g.GatherBytes + Layout.WindowBytes(s) + RowsTogether * Layout.VectorBytes(s);

    /// <summary>The elements of a row, copied to <paramref name="window"/> if they lie apart.</summary>
    private static sbyte* InOnePiece(in GemmGeometry g, sbyte* row, sbyte* window)
    {
        if (g.OuterCount * g.InnerCount == 1) return row;
        for (int k = 0; k < g.Depth; k += g.Segment) Buffer.MemoryCopy(row + g.OffsetOf(k), window + k, g.Segment, g.Segment);
        return window;
    }

    /// <summary>Of each group's outputs: panels of all gates, one of what whole vectors are left, one of what is left of a vector.</summary>
    private readonly struct Layout(in ConvolutionShape s)
    {
        private readonly int _outputs = s.OutPerGroup, _groups = s.Group;
        private readonly int _depthBytes = (s.Depth + P.Step - 1) / P.Step * P.Step;

        private int Full => _outputs / (MaxGates * P.Units);

        private int Gates => _outputs / P.Units % MaxGates;

        private int Units => _outputs % P.Units;

        public int Panels => Full + Math.Sign(Gates) + Math.Sign(Units);

        public int Portions => _groups * Panels;

        public long PackedBytes => _groups * GroupBytes;

        private long GroupBytes => Full * PanelBytes(MaxGates) + Math.Sign(Gates) * PanelBytes(Gates) + Math.Sign(Units) * PanelBytes(1);

        /// <summary>First output, vectors of outputs, outputs of each vector, and where it begins.</summary>
        public (int Output, int Gates, int Units, long Offset) Panel(int portion)
        {
            (int group, int panel) = Math.DivRem(portion, Panels);
            long at = group * GroupBytes + Math.Min(panel, Full) * PanelBytes(MaxGates);
            int output = group * _outputs + panel * MaxGates * P.Units;
            if (panel < Full) return (output, MaxGates, P.Units, at);
            if (panel == Full && Gates > 0) return (output, Gates, P.Units, at);
            return (group * _outputs + _outputs - Units, 1, Units, at + Math.Sign(Gates) * PanelBytes(Gates));
        }

        public static int SumsBytes(int gates) => (gates * P.Units * sizeof(int) + 63) / 64 * 64;

        public static long WindowBytes(in ConvolutionShape s) => (s.Depth + 63) / 64 * 64;

        public static long VectorBytes(in ConvolutionShape s) => (s.Depth + P.Step) * (long)P.ElementBytes / 64 * 64 + 128;

        private long PanelBytes(int gates) => SumsBytes(gates) + ((long)gates * P.Units * _depthBytes + 63) / 64 * 64;
    }
}
