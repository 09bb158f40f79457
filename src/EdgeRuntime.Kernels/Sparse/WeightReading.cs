namespace EdgeRuntime.Kernels;

/// <summary>What it costs at least to read weights once, by where they lie: what decides layers of one row.</summary>
internal static class WeightReading
{
    /// <summary>Cycles for so many bytes: nothing in the second-level cache, 12 bytes a cycle behind it, 4 from memory.</summary>
    public static double Cycles(long bytes) => bytes <= 1 << 20 ? 0 : bytes <= 16 << 20 ? bytes / 12.0 : bytes / 4.0;
}
