namespace EdgeRuntime.Kernels;

/// <summary>What it costs at least to read a layer's weights once, by where they lie: what decides layers of few rows.</summary>
/// <param name="NearBytes">Weights of so many bytes are in the second-level cache, whose rate the kernels' own estimates hold.</param>
/// <param name="FarBytes">Weights of so many bytes are in the third level.</param>
/// <param name="FarPerCycle">Bytes a cycle from there.</param>
/// <param name="MemoryPerCycle">Bytes a cycle from memory.</param>
internal readonly record struct WeightReading(long NearBytes, long FarBytes, double FarPerCycle, double MemoryPerCycle)
{
    /// <summary>Caches as measured on a Zen 3 core by the laboratory of docs/performance.md, memory on a Zen 4 (32 GB/s; the Zen 3 gave 18); the third level is half of its, as others share it.</summary>
    public static WeightReading X64 => new(512 << 10, 16 << 20, 18, 8);

    /// <summary>By loads of 512 bits on a Zen 4 core, without asking for anything ahead: 84 to 96 GB/s, where those of 256 bits, which do ask, get 66.</summary>
    public static WeightReading Avx512 => X64 with { FarPerCycle = 23 };

    /// <summary>Boards: assumed, not measured. What other layers leave of a second-level cache; some 4 GB/s from memory at 1.5 GHz, and no third level.</summary>
    public static WeightReading Arm64 => new(512 << 10, 0, 0, 3);

    /// <summary>For the processors that have the instructions of a kernel.</summary>
    public static WeightReading Of(CpuFeature requires) => (requires & (CpuFeature.Neon | CpuFeature.NeonDot)) != 0 ? Arm64 : (requires & (CpuFeature.Avx512 | CpuFeature.Avx512Vnni)) != 0 ? Avx512 : X64;

    /// <summary>
    /// Cycles of a pass over <paramref name="bytes"/> of weights whose products take <paramref name="products"/>: those, or reading and a little of the products, by which kernels that read
    /// the same differ. A near cache that is a little too small still holds some of them, one half as large none.
    /// </summary>
    public double Cycles(double products, double bytes)
    {
        double missing = Math.Min(bytes, 2 * (bytes - NearBytes));
        return missing <= 0 ? products : Math.Max(products, missing / (bytes <= FarBytes ? FarPerCycle : MemoryPerCycle) + products / 32);
    }
}
