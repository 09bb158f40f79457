namespace EdgeRuntime.Kernels.Tests;

/// <summary>The kernels to compare with their references: all that this processor can run, or, for emulated processors, which are slow, those whose ids have a part that <c>EDGE_TEST_KERNELS</c> names.</summary>
internal static class ChosenKernels
{
    private static readonly CpuFeatures Cpu = CpuFeatures.Detect();
    private static readonly string[] Parts = (Environment.GetEnvironmentVariable("EDGE_TEST_KERNELS") ?? "").Split(',');

    public static bool IsNamed(KernelDescriptor kernel) => Array.Exists(Parts, part => kernel.Id.Contains(part, StringComparison.Ordinal));

    public static IEnumerable<string> Ids(IEnumerable<KernelDescriptor> kernels) => kernels.Where(k => Cpu.Has(k.Requires) && IsNamed(k)).Select(k => k.Id);
}
