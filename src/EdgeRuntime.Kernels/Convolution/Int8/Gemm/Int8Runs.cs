using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels;

/// <summary>
/// One panel's weights as runs of steps. A step is 4 elements of the input times the panel's columns × 4 weights; a run is 1 to 4
/// steps whose products a 16-bit lane (2 weights of a column from each step) adds up exactly, whatever the input (a byte of 0 to 255),
/// before it is widened. Steps go into runs in any order; weights too large even for a run of their own are split over several steps
/// of the same input.
/// </summary>
internal sealed class Int8Runs
{
    // 255 · 128 < 2^15: so much may the weights of a lane sum to above zero, and below.
    private const int LaneLimit = 128, WeightLimit = 127;

    /// <summary>Most steps of a run.</summary>
    public const int Longest = 4;

    // Runs that are still looked at for a step.
    private const int OpenRuns = 16;

    private readonly List<Run> _runs = [];

    // What the step in hand adds to each lane above zero, and below.
    private readonly short[] _positive, _negative;

    private Int8Runs(int lanes) => (_positive, _negative) = (new short[lanes], new short[lanes]);

    /// <summary>Number of steps in all.</summary>
    public int Steps => _runs.Sum(r => r.Steps.Count);

    /// <summary>Number of runs.</summary>
    public int Count => _runs.Count;

    /// <summary>The runs of <paramref name="length"/> steps: for each step its number and its weights.</summary>
    public IEnumerable<IReadOnlyList<(int Step, sbyte[] Weights)>> OfLength(int length) => _runs.Where(r => r.Steps.Count == length).Select(r => r.Steps);

    /// <summary>Packs weights [step][column][4], which may exceed 8 bits.</summary>
    public static Int8Runs Pack(ReadOnlySpan<short> weights, int columns)
    {
        Int8Runs result = new(2 * columns);
        short[] rest = new short[4 * columns];
        for (int step = 0; step * rest.Length < weights.Length; step++)
        {
            weights.Slice(step * rest.Length, rest.Length).CopyTo(rest);
            while (rest.AsSpan().ContainsAnyExcept((short)0)) result.Add(step, Split(rest));
        }
        return result;
    }

    /// <summary>Takes out of <paramref name="rest"/> what fits a run of its own: pairs too large for one lane halved.</summary>
    private static sbyte[] Split(short[] rest)
    {
        sbyte[] part = new sbyte[rest.Length];
        for (int i = 0; i < rest.Length; i += Vector128<sbyte>.Count)
            Vector128.Narrow(Take(rest, i), Take(rest, i + Vector128<short>.Count)).CopyTo(part, i);
        return part;
    }

    private static Vector128<short> Take(short[] rest, int i)
    {
        Vector128<short> all = Vector128.Create(rest, i), part = Clamp(all, WeightLimit);
        Vector128<int> limit = Vector128.Create(LaneLimit);
        Vector128<int> above = Pairs(Vector128.Max(part, Vector128<short>.Zero)), below = Pairs(Vector128.Max(-part, Vector128<short>.Zero));
        part = Vector128.ConditionalSelect((Vector128.GreaterThan(above, limit) | Vector128.GreaterThan(below, limit)).AsInt16(), Clamp(part, LaneLimit / 2), part);
        (all - part).CopyTo(rest, i);
        return part;
    }

    private static Vector128<short> Clamp(Vector128<short> values, short limit) => Vector128.Min(Vector128.Max(values, Vector128.Create((short)-limit)), Vector128.Create(limit));

    private static Vector128<int> Pairs(Vector128<short> values) => (values.AsInt32() << 16 >> 16) + (values.AsInt32() >> 16);

    /// <summary>First fit among the runs last opened.</summary>
    private void Add(int step, sbyte[] weights)
    {
        for (int i = 0; i < _positive.Length; i += Vector128<short>.Count)
        {
            Vector128<sbyte> w = Vector128.Create(weights, 2 * i);
            Pairs(Vector128.Max(w, Vector128<sbyte>.Zero)).CopyTo(_positive, i);
            Pairs(Vector128.Max(-w, Vector128<sbyte>.Zero)).CopyTo(_negative, i);
        }
        for (int r = Math.Max(0, _runs.Count - OpenRuns); r < _runs.Count; r++)
            if (_runs[r].TryAdd(step, weights, _positive, _negative)) return;
        Run run = new(_positive.Length);
        run.TryAdd(step, weights, _positive, _negative);
        _runs.Add(run);
    }

    private static Vector128<short> Pairs(Vector128<sbyte> values) => (values.AsInt16() << 8 >> 8) + (values.AsInt16() >> 8);

    private sealed class Run(int lanes)
    {
        private readonly short[] _positive = new short[lanes], _negative = new short[lanes];

        public List<(int Step, sbyte[] Weights)> Steps { get; } = new(Longest);

        public bool TryAdd(int step, sbyte[] weights, short[] positive, short[] negative)
        {
            if (Steps.Count == Longest || !Fits(_positive, positive) || !Fits(_negative, negative)) return false;
            Add(_positive, positive);
            Add(_negative, negative);
            Steps.Add((step, weights));
            return true;
        }

        private static bool Fits(short[] sums, short[] step)
        {
            for (int i = 0; i < sums.Length; i += Vector128<short>.Count)
                if (Vector128.GreaterThanAny(Vector128.Create(sums, i) + Vector128.Create(step, i), Vector128.Create((short)LaneLimit))) return false;
            return true;
        }

        private static void Add(short[] sums, short[] step)
        {
            for (int i = 0; i < sums.Length; i += Vector128<short>.Count) (Vector128.Create(sums, i) + Vector128.Create(step, i)).CopyTo(sums, i);
        }
    }
}
