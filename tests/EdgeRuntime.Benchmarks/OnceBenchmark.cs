using EdgeRuntime.Kernels;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Benchmarks;

/// <summary>
/// <c>once s8|f32 NETWORK [FEATURES]</c>: every convolution of a network once, by the kernels that the catalog chooses for these
/// instruction sets. For counting instructions in an emulator, where times mean nothing.
/// </summary>
internal static unsafe class OnceBenchmark
{
    public static void Run(string[] args)
    {
        CpuFeatures cpu = args.Length > 2 ? CpuFeatures.Parse(args[2]) : CpuFeatures.Detect();
        foreach (ConvolutionShape shape in Layers.All().First(n => n.Network == args[1]).Shapes)
            Console.WriteLine($"{shape.MultiplyAccumulates,12:N0} {(args[0] == "s8" ? Int8(shape, cpu) : Float32(shape, cpu)),-32} {shape}");
    }

    private static string Int8(in ConvolutionShape s, CpuFeatures cpu)
    {
        ConvolutionInt8Parameters p = new()
        {
            InputZeroPoint = -3,
            WeightZeroPoints = [],
            Bias = new int[s.OutChannels],
            Multipliers = Enumerable.Repeat(1 << 22, s.OutChannels).ToArray(),
            Shift = 0,
            OutputZeroPoint = 4,
            Min = -128,
            Max = 127,
        };
        ConvolutionInt8Kernel kernel = KernelCatalog.Select(s, p, cpu).Kernel;
        sbyte[] weights = new sbyte[s.OutChannels * s.Depth];
        for (int i = 0; i < weights.Length; i++) weights[i] = (sbyte)(i * 37 % 255 - 127);
        using NativeBuffer packed = new(kernel.PackedBytes(s, p)), scratch = new(kernel.ScratchBytes(s, 1)),
            input = new((long)s.Batch * s.Height * s.Width * s.Channels), output = new((long)s.Positions * s.OutChannels);
        kernel.Pack(s, p, weights, packed.Span<byte>(0, (int)packed.Length));
        ConvolutionInt8Call call = new()
        {
            Shape = s,
            InputZeroPoint = p.InputZeroPoint,
            Shift = p.Shift,
            OutputZeroPoint = p.OutputZeroPoint,
            Min = p.Min,
            Max = p.Max,
            Packed = packed.Pointer,
            Input = (sbyte*)input.Pointer,
            Output = (sbyte*)output.Pointer,
            Scratch = scratch.Pointer,
        };
        for (int stage = 0; stage < kernel.Stages(s); stage++) kernel.Run(call, stage, 0, kernel.Portions(s, stage), 0);
        return kernel.Descriptor.Id;
    }

    private static string Float32(in ConvolutionShape s, CpuFeatures cpu)
    {
        ConvolutionFloat32Kernel kernel = KernelCatalog.Select(s, cpu).Kernel;
        using NativeBuffer packed = new(kernel.PackedBytes(s)), scratch = new(kernel.ScratchBytes(s, 1)),
            input = new(4L * s.Batch * s.Height * s.Width * s.Channels), output = new(4L * s.Positions * s.OutChannels);
        kernel.Pack(s, new float[s.OutChannels * s.Depth], new float[s.OutChannels], packed.Span<byte>(0, (int)packed.Length));
        ConvolutionFloat32Call call = new()
        {
            Shape = s,
            Min = 0,
            Max = 6,
            Packed = packed.Pointer,
            Input = (float*)input.Pointer,
            Output = (float*)output.Pointer,
            Scratch = scratch.Pointer,
        };
        for (int stage = 0; stage < kernel.Stages(s); stage++) kernel.Run(call, stage, 0, kernel.Portions(s, stage), 0);
        return kernel.Descriptor.Id;
    }
}
