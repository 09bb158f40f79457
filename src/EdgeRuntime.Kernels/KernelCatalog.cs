namespace EdgeRuntime.Kernels;

/// <summary>Which kernel was taken, and why the others were not.</summary>
/// <param name="Kernel">The choice.</param>
/// <param name="Reason">One line for <c>edged doctor</c> and profiles.</param>
public readonly record struct KernelChoice<T>(T Kernel, string Reason) where T : IKernel;

/// <summary>Chooses kernels by instruction set, support and estimated cost.</summary>
public static class KernelCatalog
{
    /// <summary>Every kernel of every family, in the order of the lists.</summary>
    public static IEnumerable<IKernel> All =>
    [
        .. ConvolutionInt8Kernels.All,
        .. DynamicKernels.All.Except(ConvolutionInt4Kernels.All),
        .. ConvolutionFloat32Kernels.All,
        .. ConvolutionBinaryKernels.All,
        .. RecurrentInt8Kernels.All,
        .. RecurrentFloat32Kernels.All,
        .. ElementwiseKernels.All,
        .. MatrixProductKernels.All,
        .. NibbleLinearKernels.All,
    ];

    /// <summary>The int8 convolution kernel with the least estimated cost; <paramref name="wish"/> names one to prefer.</summary>
    public static KernelChoice<ConvolutionInt8Kernel> Select(in ConvolutionShape shape, ConvolutionInt8Parameters parameters, CpuFeatures cpu, string? wish = null)
    {
        ConvolutionShape s = shape;
        return Cheapest(ConvolutionInt8Kernels.All, cpu, wish, k => k.Supports(s, parameters) ? k.EstimateCycles(s, parameters) : double.PositiveInfinity);
    }

    /// <summary>The kernel with the least estimated cost for layers whose input is quantised while running.</summary>
    public static KernelChoice<IDynamicKernel> SelectDynamic(in ConvolutionShape shape, ConvolutionInt8Parameters parameters, CpuFeatures cpu, string? wish = null)
    {
        ConvolutionShape s = shape;
        return Cheapest(DynamicKernels.All, cpu, wish, k => k.SupportsDynamic(s, parameters) ? k.EstimateCycles(s, parameters) : double.PositiveInfinity);
    }

    /// <summary>The kernel for float rows and weights of few bits with the least estimated cost.</summary>
    public static KernelChoice<NibbleLinearKernel> Select(in NibbleLinearShape shape, CpuFeatures cpu, string? wish = null)
    {
        NibbleLinearShape s = shape;
        return Cheapest(NibbleLinearKernels.All, cpu, wish, k => k.EstimateCycles(s));
    }

    /// <summary>The float convolution kernel with the least estimated cost; <paramref name="wish"/> names one to prefer.</summary>
    public static KernelChoice<ConvolutionFloat32Kernel> Select(in ConvolutionShape shape, CpuFeatures cpu, string? wish = null)
    {
        ConvolutionShape s = shape;
        return Cheapest(ConvolutionFloat32Kernels.All, cpu, wish, k => k.Supports(s) ? k.EstimateCycles(s) : double.PositiveInfinity);
    }

    /// <summary>The binary convolution kernel with the least estimated cost; <paramref name="wish"/> names one to prefer.</summary>
    public static KernelChoice<ConvolutionBinaryKernel> Select(in ConvolutionShape shape, BinaryOutput output, CpuFeatures cpu, string? wish = null)
    {
        ConvolutionShape s = shape;
        return Cheapest(ConvolutionBinaryKernels.All, cpu, wish, k => k.Supports(s, output) ? k.EstimateCycles(s) : double.PositiveInfinity);
    }

    /// <summary>The float recurrent kernel with the least estimated cost; <paramref name="wish"/> names one to prefer.</summary>
    public static KernelChoice<RecurrentFloat32Kernel> SelectRecurrent(in RecurrentCellShape shape, CpuFeatures cpu, string? wish = null)
    {
        RecurrentCellShape s = shape;
        return Cheapest(RecurrentFloat32Kernels.All, cpu, wish, k => k.Supports(s) ? k.EstimateCycles(s) : double.PositiveInfinity);
    }

    /// <summary>The int8 recurrent kernel with the least estimated cost; <paramref name="wish"/> names one to prefer.</summary>
    public static KernelChoice<RecurrentInt8Kernel> SelectRecurrent(in RecurrentCellShape shape, RecurrentInt8Weights weights, CpuFeatures cpu, string? wish = null)
    {
        RecurrentCellShape s = shape;
        return Cheapest(RecurrentInt8Kernels.All, cpu, wish, k => k.Supports(s, weights) ? k.EstimateCycles(s, weights) : double.PositiveInfinity);
    }

    /// <summary>The element-by-element kernels of the strongest instruction set: the last in the list that may run.</summary>
    public static KernelChoice<ElementwiseKernel> SelectElementwise(CpuFeatures cpu)
    {
        ElementwiseKernel kernel = ElementwiseKernels.All.Last(k => cpu.Has(k.Descriptor.Requires));
        return new(kernel, $"strongest of {cpu}");
    }

    /// <summary>The product of two float matrices with the strongest instruction set.</summary>
    public static MatrixProductKernel SelectMatrixProduct(CpuFeatures cpu) => MatrixProductKernels.All.Last(k => cpu.Has(k.Descriptor.Requires));

    private static KernelChoice<T> Cheapest<T>(IReadOnlyList<T> kernels, CpuFeatures cpu, string? wish, Func<T, double> cost) where T : class, IKernel
    {
        var usable = kernels.Where(k => cpu.Has(k.Descriptor.Requires)).Select(k => (Kernel: k, Cost: cost(k))).Where(c => c.Cost < double.PositiveInfinity)
            .OrderBy(c => c.Cost).ToList();
        if (usable.Find(c => c.Kernel.Descriptor.Id == wish).Kernel is { } wished) return new(wished, "asked for by name");
        string reason = $"{usable[0].Cost:N0} cycles estimated" + (usable.Count > 1 ? $"; next {usable[1].Kernel.Descriptor.Id}: {usable[1].Cost:N0}" : "; the only one");
        return new(usable[0].Kernel, reason);
    }
}
