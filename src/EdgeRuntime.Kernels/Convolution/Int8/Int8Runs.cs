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
    private readonly int _lanes;

    private Int8Runs(int lanes) => _lanes = lanes;

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

    /// <summary>Takes out of <paramref name="rest"/> what fits a run of its own.</summary>
    private static sbyte[] Split(short[] rest)
    {
        sbyte[] part = new sbyte[rest.Length];
        for (int i = 0; i < rest.Length; i += 2)
        {
            int a = Math.Clamp((int)rest[i], -WeightLimit, WeightLimit), b = Math.Clamp((int)rest[i + 1], -WeightLimit, WeightLimit);
            if (!Fits(a, b)) (a, b) = (Math.Clamp(a, -64, 64), Math.Clamp(b, -64, 64));
            (part[i], part[i + 1]) = ((sbyte)a, (sbyte)b);
            rest[i] -= (short)a;
            rest[i + 1] -= (short)b;
        }
        return part;
    }

    private static bool Fits(int a, int b) => Math.Max(a, 0) + Math.Max(b, 0) <= LaneLimit && Math.Max(-a, 0) + Math.Max(-b, 0) <= LaneLimit;

    /// <summary>First fit among the runs last opened.</summary>
    private void Add(int step, sbyte[] weights)
    {
        byte[] positive = new byte[_lanes], negative = new byte[_lanes];
        for (int i = 0; i < _lanes; i++)
        {
            int a = weights[2 * i], b = weights[2 * i + 1];
            (positive[i], negative[i]) = ((byte)(Math.Max(a, 0) + Math.Max(b, 0)), (byte)(Math.Max(-a, 0) + Math.Max(-b, 0)));
        }
        for (int r = Math.Max(0, _runs.Count - OpenRuns); r < _runs.Count; r++)
            if (_runs[r].TryAdd(step, weights, positive, negative)) return;
        Run run = new(_lanes);
        run.TryAdd(step, weights, positive, negative);
        _runs.Add(run);
    }

    private sealed class Run(int lanes)
    {
        private readonly byte[] _positive = new byte[lanes], _negative = new byte[lanes];

        public List<(int Step, sbyte[] Weights)> Steps { get; } = new(Longest);

        public bool TryAdd(int step, sbyte[] weights, byte[] positive, byte[] negative)
        {
            if (Steps.Count == Longest) return false;
            for (int i = 0; i < lanes; i++)
                if (_positive[i] + positive[i] > LaneLimit || _negative[i] + negative[i] > LaneLimit) return false;
            for (int i = 0; i < lanes; i++)
            {
                _positive[i] += positive[i];
                _negative[i] += negative[i];
            }
            Steps.Add((step, weights));
            return true;
        }
    }
}
