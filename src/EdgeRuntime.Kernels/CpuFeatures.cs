using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace EdgeRuntime.Kernels;

/// <summary>Instruction sets that kernels are written for.</summary>
[Flags]
public enum CpuFeature
{
    /// <summary>Portable code.</summary>
    None = 0,

    /// <summary>x86-64 AVX2 with FMA.</summary>
    Avx2 = 1,

    /// <summary>x86-64 AVX-VNNI: VPDPBUSD on 256 bits.</summary>
    AvxVnni = 2,

    /// <summary>x86-64 AVX-512 F, BW, DQ, VL.</summary>
    Avx512 = 4,

    /// <summary>x86-64 AVX-512 VBMI: byte permutations.</summary>
    Avx512Vbmi = 8,

    /// <summary>ARMv8.0 Advanced SIMD.</summary>
    Neon = 16,

    /// <summary>ARMv8.2 SDOT/UDOT.</summary>
    NeonDot = 32,

    /// <summary>x86-64 AVX-512 VNNI: VPDPBUSD on 512 bits, for which .NET has no intrinsics; in machine code of our own, where a process may have that.</summary>
    Avx512Vnni = 64,
}

/// <summary>
/// The instruction sets that may be used: a value that is handed in, so that a strong machine can select and test the
/// weak one's kernels.
/// </summary>
/// <param name="Set">The instruction sets.</param>
public readonly record struct CpuFeatures(CpuFeature Set)
{
    /// <summary>Nothing but portable code.</summary>
    public static CpuFeatures Portable => new(CpuFeature.None);

    /// <summary>What this process may execute.</summary>
    public static CpuFeatures Detect()
    {
        CpuFeature set = CpuFeature.None;
        if (Avx2.IsSupported && Fma.IsSupported) set |= CpuFeature.Avx2;
#pragma warning disable CA2252 // AvxVnni was a preview API before .NET 10
        if (AvxVnni.IsSupported) set |= CpuFeature.AvxVnni;
#pragma warning restore CA2252
        if (Avx512F.IsSupported && Avx512BW.VL.IsSupported && Avx512DQ.VL.IsSupported) set |= CpuFeature.Avx512;
        if (Avx512Vbmi.VL.IsSupported) set |= CpuFeature.Avx512Vbmi;
        if (set.HasFlag(CpuFeature.Avx2) && ExecutableCode.HasAvx512Vnni) set |= CpuFeature.Avx512Vnni;
        if (AdvSimd.Arm64.IsSupported) set |= CpuFeature.Neon;
        if (Dp.IsSupported) set |= CpuFeature.NeonDot;
        return new CpuFeatures(set);
    }

    /// <summary>Whether everything in <paramref name="required"/> is there.</summary>
    public bool Has(CpuFeature required) => (Set & required) == required;

    /// <summary>The features common to both.</summary>
    public CpuFeatures Intersect(CpuFeatures other) => new(Set & other.Set);

    /// <summary>Parses a comma-separated list such as <c>avx2,avxvnni</c>; <c>portable</c> is the empty set.</summary>
    /// <exception cref="FormatException">A name is unknown.</exception>
    public static CpuFeatures Parse(string list)
    {
        CpuFeature set = CpuFeature.None;
        foreach (string name in list.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            if (name.Equals("portable", StringComparison.OrdinalIgnoreCase)) continue;
            if (!Enum.TryParse(name, true, out CpuFeature feature) || !Enum.IsDefined(feature))
                throw new FormatException($"unknown instruction set '{name}'; known: portable, {string.Join(", ", Enum.GetNames<CpuFeature>()[1..]).ToLowerInvariant()}");
            set |= feature;
        }
        return new CpuFeatures(set);
    }

    /// <summary>For example <c>avx2,avx512</c>.</summary>
    public override string ToString() => Set == CpuFeature.None ? "portable" : Set.ToString().Replace(" ", "", StringComparison.Ordinal).ToLowerInvariant();
}
