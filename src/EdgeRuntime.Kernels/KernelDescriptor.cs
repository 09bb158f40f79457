namespace EdgeRuntime.Kernels;

/// <summary>What a kernel is, for selection, tests, benchmarks and <c>edged doctor</c>.</summary>
/// <param name="Id">Stable and unique, for example <c>conv-s8-gemm-neondot-6x16</c>.</param>
/// <param name="Family">The family it competes in, for example <c>convolution-s8</c>.</param>
/// <param name="Requires">Instruction sets it executes.</param>
/// <param name="Summary">One line on how it works and when it is the right one.</param>
public sealed record KernelDescriptor(string Id, string Family, CpuFeature Requires, string Summary);

/// <summary>What has a descriptor.</summary>
public interface IKernel
{
    /// <summary>What it is.</summary>
    KernelDescriptor Descriptor { get; }
}

/// <summary>Base of all kernels: stateless, shared between threads.</summary>
public abstract class Kernel : IKernel
{
    /// <summary>What it is.</summary>
    public abstract KernelDescriptor Descriptor { get; }
}
