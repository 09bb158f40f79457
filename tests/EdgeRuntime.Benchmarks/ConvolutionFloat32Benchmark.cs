using System.Diagnostics;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using EdgeRuntime.Kernels;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Benchmarks;

/// <summary>
/// Times every float convolution kernel on every distinct layer of the networks, on one thread, and sums the networks with the
/// kernels that the catalog chooses. Options: <c>--network NAME</c> (part of the name), <c>--cpu LIST</c>, <c>--brief</c> (sums only).
/// </summary>
internal static unsafe class ConvolutionFloat32Benchmark
{
    private const double SecondsPerMeasurement = 0.003;

    public static void Run(string[] args)
    {
        string? only = Option(args, "--network");
        bool brief = args.Contains("--brief");
        CpuFeatures cpu = CpuFeatures.Detect();
        if (Option(args, "--cpu") is { } list) cpu = cpu.Intersect(CpuFeatures.Parse(list));
        double peak = PeakMultiplyAddsPerSecond();
        Console.WriteLine($"cpu {cpu}; measured peak {peak / 1e9:F1} GMAC/s");
        Dictionary<ConvolutionShape, Dictionary<string, double>> seen = [];
        foreach ((string network, List<ConvolutionShape> shapes) in Layers.All())
        {
            if (only is not null && !network.Contains(only, StringComparison.Ordinal)) continue;
            double chosen = 0, best = 0;
            foreach (ConvolutionShape shape in shapes)
            {
                string choice = KernelCatalog.Select(shape, cpu).Kernel.Descriptor.Id;
                bool isNew = !seen.TryGetValue(shape, out Dictionary<string, double>? times);
                times ??= seen[shape] = MeasureAll(shape, cpu);
                chosen += times[choice];
                best += times.Values.Min();
                if (isNew && !brief) Print(network, shape, times, choice, peak);
            }
            Console.WriteLine($"= {network}: {chosen * 1e6:F1} us with the chosen kernels, {best * 1e6:F1} us with the best; {shapes.Sum(s => s.MultiplyAccumulates) / chosen / 1e9:F1} GMAC/s");
        }
    }

    private static Dictionary<string, double> MeasureAll(ConvolutionShape shape, CpuFeatures cpu) => ConvolutionFloat32Kernels.All
        .Where(k => k is not ConvolutionFloat32Reference && cpu.Has(k.Descriptor.Requires) && k.Supports(shape)
            && (!shape.IsDepthwise || k.Descriptor.Id.Contains("depthwise", StringComparison.Ordinal)))
        .ToDictionary(k => k.Descriptor.Id, k => Measure(k, shape));

    private static void Print(string network, ConvolutionShape s, Dictionary<string, double> times, string choice, double peak)
    {
        Console.WriteLine($"{network} {s.Height}x{s.Width}x{s.Channels} -> {s.OutHeight}x{s.OutWidth}x{s.OutChannels} k{s.KernelHeight}x{s.KernelWidth} s{s.StrideY}{(s.IsDepthwise ? " dw" : "")}");
        foreach ((string id, double seconds) in times)
        {
            double rate = s.MultiplyAccumulates / seconds;
            double estimate = ConvolutionFloat32Kernels.All.First(k => k.Descriptor.Id == id).EstimateCycles(s);
            Console.WriteLine($"  {(id == choice ? '*' : ' ')} {id,-32} {seconds * 1e6,9:F2} us {rate / 1e9,7:F1} GMAC/s {100 * rate / peak,5:F0} %   {estimate / seconds / 1e9:F2} estimated cycles/ns");
        }
    }

    private static double Measure(ConvolutionFloat32Kernel kernel, ConvolutionShape s)
    {
        Random random = new(1);
        float[] weights = [.. Enumerable.Range(0, s.OutChannels * s.Depth).Select(_ => random.NextSingle() - 0.5f)];
        using NativeBuffer packed = new(kernel.PackedBytes(s)), scratch = new(kernel.ScratchBytes(s, 1));
        using NativeBuffer input = new(4L * s.Batch * s.Height * s.Width * s.Channels), output = new(4L * s.Positions * s.OutChannels);
        kernel.Pack(s, weights, new float[s.OutChannels], packed.Span<byte>(0, (int)packed.Length));
        foreach (ref float x in input.Span<float>(0, (int)(input.Length / 4))) x = random.NextSingle() - 0.5f;
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
        RunOnce(kernel, call);
        double seconds = Seconds(kernel, call, 1), least = double.PositiveInfinity;
        int repetitions = (int)Math.Clamp(20e-6 / seconds, 1, 1000);
        for (double n = 0, spent = 0; n < 5 || spent < SecondsPerMeasurement; n++, spent += seconds * repetitions)
            least = Math.Min(least, seconds = Seconds(kernel, call, repetitions));
        return least;
    }

    private static double Seconds(ConvolutionFloat32Kernel kernel, in ConvolutionFloat32Call call, int repetitions)
    {
        long start = Stopwatch.GetTimestamp();
        for (int n = 0; n < repetitions; n++) RunOnce(kernel, call);
        return Stopwatch.GetElapsedTime(start).TotalSeconds / repetitions;
    }

    private static void RunOnce(ConvolutionFloat32Kernel kernel, in ConvolutionFloat32Call call)
    {
        int stages = kernel.Stages(call.Shape);
        for (int stage = 0; stage < stages; stage++) kernel.Run(call, stage, 0, kernel.Portions(call.Shape, stage), 0);
    }

    private static double PeakMultiplyAddsPerSecond()
    {
        if (!Fma.IsSupported) return double.NaN;
        double least = double.PositiveInfinity;
        for (int n = 0; n < 20; n++)
        {
            long start = Stopwatch.GetTimestamp();
            if (MultiplyAdds(100_000) == 0) throw new InvalidOperationException("unreachable: the sums are positive");
            least = Math.Min(least, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        return 80.0 * 100_000 / least;
    }

    private static float MultiplyAdds(int steps)
    {
        Vector256<float> x = Vector256.Create(0.5f), z = Vector256.Create(0.25f), a = x, b = x, c = x, d = x, e = x, f = x, g = x, h = x, i = x, j = x;
        for (int k = 0; k < steps; k++)
        {
            a = Fma.MultiplyAdd(x, z, a); b = Fma.MultiplyAdd(x, z, b); c = Fma.MultiplyAdd(x, z, c); d = Fma.MultiplyAdd(x, z, d);
            e = Fma.MultiplyAdd(x, z, e); f = Fma.MultiplyAdd(x, z, f); g = Fma.MultiplyAdd(x, z, g); h = Fma.MultiplyAdd(x, z, h);
            i = Fma.MultiplyAdd(x, z, i); j = Fma.MultiplyAdd(x, z, j);
        }
        return Vector256.Sum(a + b + c + d + e + f + g + h + i + j);
    }

    private static string? Option(string[] args, string name) => Array.IndexOf(args, name) is >= 0 and int at && at + 1 < args.Length ? args[at + 1] : null;
}
