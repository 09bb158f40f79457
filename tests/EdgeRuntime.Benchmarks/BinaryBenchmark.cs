using System.Diagnostics;
using System.Globalization;
using EdgeRuntime.Kernels;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Benchmarks;

/// <summary>
/// Binary layers beside the same layers in float and int8, on one thread, each with the kernel that the catalog chooses; smallest
/// times of alternating rounds. Options: <c>--write FILE</c> puts the table into a document; <c>--once KIND [FEATURES]</c> runs the
/// 3×3 layer of 256 channels once as b1, s8, w1, or f32, for counting instructions in an emulator.
/// </summary>
internal static unsafe class BinaryBenchmark
{
    private static readonly (string Name, ConvolutionShape Shape)[] Shapes =
    [
        ("3×3, 256 → 256, 14×14", Square(14, 256, 256, 3)),
        ("3×3, 64 → 64, 56×56", Square(56, 64, 64, 3)),
        ("3×3, 128 → 128, 28×28", Square(28, 128, 128, 3)),
        ("3×3, 512 → 512, 7×7", Square(7, 512, 512, 3)),
        ("1×1, 256 → 256, 14×14", Square(14, 256, 256, 1)),
        ("1×1, 96 → 96, 28×28", Square(28, 96, 96, 1)),
        ("fully connected 1024 → 1024", ConvolutionShape.FullyConnected(1, 1024, 1024)),
        ("fully connected 4096 → 4096", ConvolutionShape.FullyConnected(1, 4096, 4096)),
    ];

    public static void Run(string[] args)
    {
        if (args is ["--once", var kind, ..])
        {
            CpuFeatures wanted = args.Length > 2 ? CpuFeatures.Parse(args[2]) : CpuFeatures.Detect();
            (string id, Action run) = Prepare(kind, Shapes[0].Shape, wanted);
            run();
            Console.WriteLine($"{id}: {Shapes[0].Name}");
            return;
        }
        CpuFeatures cpu = CpuFeatures.Detect();
        string[] kinds = ["f32", "s8", "w1", "b1"];
        List<string> rows = ["| layer | fp32 µs | int8 µs | ±1 weights × int8 µs | binary µs | binary products/ns | fp32 / binary | int8 / binary | int8 / ±1×int8 |", "|---|---|---|---|---|---|---|---|---|"];
        foreach ((string name, ConvolutionShape shape) in Shapes)
        {
            (string Id, Action Run)[] runs = [.. kinds.Select(k => Prepare(k, shape, cpu))];
            double[] us = Measure([.. runs.Select(r => r.Run)]);
            rows.Add(string.Create(CultureInfo.InvariantCulture,
                $"| {name} | {us[0]:F1} | {us[1]:F1} | {us[2]:F1} | {us[3]:F1} | {shape.MultiplyAccumulates / us[3] / 1000:F0} | {us[0] / us[3]:F1} | {us[1] / us[3]:F1} | {us[1] / us[2]:F2} |"));
            Console.WriteLine($"{rows[^1]} {string.Join(' ', runs.Select(r => r.Id))}");
        }
        if (Array.IndexOf(args, "--write") is >= 0 and int at) MarkdownTable.Replace(args[at + 1], "binary", string.Join('\n', rows) + "\n");
    }

    private static ConvolutionShape Square(int size, int channels, int outChannels, int kernel) =>
        new(1, size, size, channels, outChannels, kernel, kernel, 1, 1, 1, 1, kernel / 2, kernel / 2, kernel / 2, kernel / 2, 1);

    private static double[] Measure(Action[] runs)
    {
        double[] least = new double[runs.Length];
        Array.Fill(least, double.PositiveInfinity);
        int[] repetitions = new int[runs.Length];
        for (int round = 0; round < 40; round++)
            for (int i = 0; i < runs.Length; i++)
            {
                if (round == 0) runs[i]();
                if (round < 4) repetitions[i] = Math.Clamp((int)(2000 / Time(runs[i], 1)), 1, 2000);
                least[i] = Math.Min(least[i], Time(runs[i], repetitions[i]));
            }
        return least;
    }

    private static double Time(Action run, int repetitions)
    {
        long start = Stopwatch.GetTimestamp();
        for (int n = 0; n < repetitions; n++) run();
        return Stopwatch.GetElapsedTime(start).TotalMicroseconds / repetitions;
    }

    // Buffers live as long as the process: they are few.
    private static (string Id, Action Run) Prepare(string kind, ConvolutionShape s, CpuFeatures cpu) => kind switch
    {
        "b1" => Binary(s, cpu),
        "f32" => Float32(s, cpu),
        _ => Int8(s, cpu, kind == "w1"),
    };

    private static (string, Action) Binary(ConvolutionShape s, CpuFeatures cpu)
    {
        ConvolutionBinaryKernel kernel = KernelCatalog.Select(s, BinaryOutput.Binary, cpu).Kernel;
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

    private static (string, Action) Int8(ConvolutionShape s, CpuFeatures cpu, bool signs)
    {
        ConvolutionInt8Parameters p = new()
        {
            InputZeroPoint = -3,
            WeightZeroPoints = [],
            WeightBits = signs ? 1 : 8,
            Bias = new int[s.OutChannels],
            Multipliers = [.. Enumerable.Repeat(1 << 22, s.OutChannels)],
            Shift = 0,
            OutputZeroPoint = 4,
            Min = -128,
            Max = 127,
        };
        ConvolutionInt8Kernel kernel = KernelCatalog.Select(s, p, cpu).Kernel;
        sbyte[] weights = new sbyte[s.OutChannels * s.Depth];
        for (int i = 0; i < weights.Length; i++) weights[i] = signs ? (sbyte)(i * 37 % 3 == 0 ? 1 : -1) : (sbyte)(i * 37 % 255 - 127);
        NativeBuffer packed = new(kernel.PackedBytes(s, p)), scratch = new(kernel.ScratchBytes(s, 1)),
            input = new((long)s.Batch * s.Height * s.Width * s.Channels), output = new((long)s.Positions * s.OutChannels);
        kernel.Pack(s, p, weights, packed.Span<byte>(0, (int)packed.Length));
        ConvolutionInt8Call call = new()
        {
            Shape = s,
            InputZeroPoint = p.InputZeroPoint,
            OutputZeroPoint = p.OutputZeroPoint,
            Min = p.Min,
            Max = p.Max,
            Packed = packed.Pointer,
            Input = (sbyte*)input.Pointer,
            Output = (sbyte*)output.Pointer,
            Scratch = scratch.Pointer,
        };
        return (kernel.Descriptor.Id, () =>
        {
            for (int stage = 0; stage < kernel.Stages(s); stage++) kernel.Run(call, stage, 0, kernel.Portions(s, stage), 0);
            GC.KeepAlive((packed, scratch, input, output));
        }
        );
    }

    private static (string, Action) Float32(ConvolutionShape s, CpuFeatures cpu)
    {
        ConvolutionFloat32Kernel kernel = KernelCatalog.Select(s, cpu).Kernel;
        NativeBuffer packed = new(kernel.PackedBytes(s)), scratch = new(kernel.ScratchBytes(s, 1)),
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
        return (kernel.Descriptor.Id, () =>
        {
            for (int stage = 0; stage < kernel.Stages(s); stage++) kernel.Run(call, stage, 0, kernel.Portions(s, stage), 0);
            GC.KeepAlive((packed, scratch, input, output));
        }
        );
    }
}
