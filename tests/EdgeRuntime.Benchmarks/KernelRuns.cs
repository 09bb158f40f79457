using EdgeRuntime.Kernels;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Benchmarks;

/// <summary>Single kernels, without a session, on made-up operands; what a session derives from the shape once is derived once. Buffers live as long as their action.</summary>
internal static unsafe class KernelRuns
{
    /// <summary>A layer as <paramref name="kind"/> b1, f32, s8, or w1 (weights of signs, int8 activations), by the kernel <paramref name="wish"/> or the catalog's choice.</summary>
    public static (string Id, Action Run) Prepare(string kind, ConvolutionShape s, CpuFeatures cpu, string? wish = null) => kind switch
    {
        "b1" => Binary(s, cpu, wish),
        "f32" => Float32(s, cpu, wish),
        _ => Int8(s, cpu, kind == "w1", wish),
    };

    private static (string, Action) Binary(ConvolutionShape s, CpuFeatures cpu, string? wish)
    {
        ConvolutionBinaryKernel kernel = KernelCatalog.Select(s, BinaryOutput.Binary, cpu, wish).Kernel;
        ConvolutionBinaryParameters p = new() { Output = BinaryOutput.Binary, Bias = new int[s.OutChannels] };
        ulong[] weights = new ulong[s.OutChannels * s.KernelHeight * s.KernelWidth * BitPacked.Words(s.ChannelsPerGroup)];
        if (s.ChannelsPerGroup % BitPacked.WordBits == 0) new Random(1).NextBytes(System.Runtime.InteropServices.MemoryMarshal.AsBytes(weights.AsSpan()));
        NativeBuffer packed = new(kernel.PackedBytes(s)), scratch = new(kernel.ScratchBytes(s, 1)),
            input = new(8L * s.Batch * s.Height * s.Width * BitPacked.Words(s.Channels)), output = new(8L * s.Positions * BitPacked.Words(s.OutChannels));
        kernel.Pack(s, p, weights, packed.Span<byte>(0, (int)packed.Length));
        ConvolutionBinaryCall call = ConvolutionBinaryCall.Of(s, p) with { Packed = packed.Pointer, Input = (ulong*)input.Pointer, Output = output.Pointer, Scratch = scratch.Pointer };
        int portions = kernel.Portions(s);
        return (kernel.Descriptor.Id, () => { kernel.Run(call, 0, portions, 0); GC.KeepAlive((packed, scratch, input, output)); });
    }

    private static (string, Action) Int8(ConvolutionShape s, CpuFeatures cpu, bool signs, string? wish)
    {
        sbyte[] weights = Weights(s, signs);
        ConvolutionInt8Parameters p = Parameters(s) with { Weights = weights, WeightBits = signs ? 1 : 8 };
        ConvolutionInt8Kernel kernel = KernelCatalog.Select(s, p, cpu, wish).Kernel;
        return (kernel.Descriptor.Id, Of(kernel, s, p, weights));
    }

    /// <summary>Requantisation for any weights, by multipliers of as many bits as trained layers have.</summary>
    public static ConvolutionInt8Parameters Parameters(in ConvolutionShape s) => new()
    {
        InputZeroPoint = -3,
        WeightZeroPoints = [],
        Bias = new int[s.OutChannels],
        Multipliers = [.. Enumerable.Range(0, s.OutChannels).Select(o => (1 << 22) + 7919 * (o % 97) + 1)],
        Shift = 0,
        OutputZeroPoint = 4,
        Min = -128,
        Max = 127,
    };

    /// <summary>One run of <paramref name="kernel"/> on inputs at random.</summary>
    public static Action Of(ConvolutionInt8Kernel kernel, ConvolutionShape s, ConvolutionInt8Parameters p, sbyte[] weights)
    {
        NativeBuffer packed = new(kernel.PackedBytes(s, p)), scratch = new(kernel.ScratchBytes(s, 1)),
            input = new((long)s.Batch * s.Height * s.Width * s.Channels), output = new((long)s.Positions * s.OutChannels);
        new Random(3).NextBytes(input.Span<byte>(0, (int)input.Length));
        kernel.Pack(s, p, weights, packed.Span<byte>(0, (int)kernel.PackedBytes(s, p)));
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
            Plan = kernel.Plan(s),
        };
        int[] portions = [.. Enumerable.Range(0, kernel.Stages(s)).Select(stage => kernel.Portions(s, stage))];
        return () =>
        {
            for (int stage = 0; stage < portions.Length; stage++) kernel.Run(call, stage, 0, portions[stage], 0);
            GC.KeepAlive((packed, scratch, input, output));
        };
    }

    /// <summary>Signs, or bell-shaped within ±127 as trained weights are: their sums decide what some int8 kernels may do.</summary>
    private static sbyte[] Weights(ConvolutionShape s, bool signs)
    {
        Random random = new(1);
        sbyte[] weights = new sbyte[s.OutChannels * s.Depth];
        for (int i = 0; i < weights.Length; i++)
            weights[i] = (sbyte)(signs ? 2 * random.Next(2) - 1 : Math.Clamp(random.Next(-64, 65) + random.Next(-64, 65) + random.Next(-64, 65), -127, 127));
        return weights;
    }

    private static (string, Action) Float32(ConvolutionShape s, CpuFeatures cpu, string? wish)
    {
        ConvolutionFloat32Kernel kernel = KernelCatalog.Select(s, cpu, wish).Kernel;
        return (kernel.Descriptor.Id, Of(kernel, s, new float[s.OutChannels * s.Depth]));
    }

    /// <summary>One run of <paramref name="kernel"/>.</summary>
    public static Action Of(ConvolutionFloat32Kernel kernel, ConvolutionShape s, float[] weights)
    {
        NativeBuffer packed = new(kernel.PackedBytes(s)), scratch = new(kernel.ScratchBytes(s, 1)),
            input = new(4L * s.Batch * s.Height * s.Width * s.Channels), output = new(4L * s.Positions * s.OutChannels);
        input.Span<float>(0, (int)(input.Length / 4)).Fill(0.5f);
        kernel.Pack(s, weights, [], packed.Span<byte>(0, (int)kernel.PackedBytes(s)));
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
        int[] portions = [.. Enumerable.Range(0, kernel.Stages(s)).Select(stage => kernel.Portions(s, stage))];
        return () =>
        {
            for (int stage = 0; stage < portions.Length; stage++) kernel.Run(call, stage, 0, portions[stage], 0);
            GC.KeepAlive((packed, scratch, input, output));
        };
    }
}
