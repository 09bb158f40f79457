using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using EdgeRuntime.Kernels;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Benchmarks;

/// <summary>
/// <c>conv-s8 [part of a network's name] [all]</c>: smallest time of each distinct layer, of the chosen kernel or of all that can do it.
/// Times are of one thread, input and weights in the caches.
/// </summary>
internal static unsafe class ConvolutionInt8Benchmark
{
    private static int _sink;

    public static void Run(string[] args)
    {
        CpuFeatures cpu = CpuFeatures.Detect();
        double peak = Peak();
        Console.WriteLine($"{cpu}; VPMADDWD peak {peak:F0} GMAC/s");
        bool all = args.Contains("all");
        string filter = args.FirstOrDefault(a => a != "all") ?? "";
        foreach ((string network, List<ConvolutionShape> shapes) in Layers.All())
        {
            if (!network.Contains(filter, StringComparison.Ordinal)) continue;
            Console.WriteLine($"\n{network}");
            double total = 0;
            foreach (IGrouping<ConvolutionShape, ConvolutionShape> same in shapes.GroupBy(s => s))
            {
                ConvolutionShape s = same.Key;
                ConvolutionInt8Parameters p = Parameters(s);
                ConvolutionInt8Kernel chosen = KernelCatalog.Select(s, p, cpu).Kernel;
                foreach (ConvolutionInt8Kernel kernel in ConvolutionInt8Kernels.All)
                {
                    if (!cpu.Has(kernel.Descriptor.Requires) || !kernel.Supports(s, p) || kernel is ConvolutionInt8Reference) continue;
                    if (!all && kernel != chosen) continue;
                    double us = Time(kernel, s, p), gmacs = s.MultiplyAccumulates / us / 1000;
                    if (kernel == chosen) total += us * same.Count();
                    Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                        $"{same.Count(),2}× {Describe(s),-34} {kernel.Descriptor.Id,-30}{(kernel == chosen ? '*' : ' ')} {us,9:F2} us {gmacs,7:F1} GMAC/s {gmacs / peak,5:P0}  estimate/time {kernel.EstimateCycles(s, p) / us / 3700:F2}"));
                }
            }
            Console.WriteLine($"{network}: {total:F1} us");
        }
    }

    private static string Describe(in ConvolutionShape s) =>
        $"{s.Height}x{s.Width}x{s.Channels}→{s.OutChannels} {s.KernelHeight}x{s.KernelWidth}/{s.StrideY}" + (s.IsDepthwise ? " dw" : s.Group > 1 ? $" g{s.Group}" : "");

    private static ConvolutionInt8Parameters Parameters(in ConvolutionShape s) => new()
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

    private static double Time(ConvolutionInt8Kernel kernel, in ConvolutionShape s, ConvolutionInt8Parameters p)
    {
        sbyte[] weights = new sbyte[s.OutChannels * s.Depth];
        new Random(1).NextBytes(MemoryMarshal.AsBytes<sbyte>(weights));
        using NativeBuffer packed = new(kernel.PackedBytes(s, p)), scratch = new(kernel.ScratchBytes(s, 1)),
            input = new((long)s.Batch * s.Height * s.Width * s.Channels), output = new((long)s.Positions * s.OutChannels);
        new Random(2).NextBytes(input.Span<byte>(0, (int)input.Length));
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
        int stages = kernel.Stages(s);
        double best = double.MaxValue;
        int repeats = 1;
        int samples = 0;
        for (long begin = Stopwatch.GetTimestamp(); samples < 50 || Stopwatch.GetElapsedTime(begin).TotalMilliseconds < 40; samples++)
        {
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < repeats; i++)
                for (int stage = 0; stage < stages; stage++) kernel.Run(call, stage, 0, kernel.Portions(s, stage), 0);
            double us = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
            best = Math.Min(best, us / repeats);
            if (us < 20) repeats *= 2;
        }
        return best;
    }

    // 8 sums on 256 bits, the faster width where 512-bit instructions are executed as halves.
    private static double Peak()
    {
        if (!Avx2.IsSupported) return double.NaN;
        double best = 0;
        for (int t = 0; t < 500; t++)
        {
            long start = Stopwatch.GetTimestamp();
            Products(20000);
            best = Math.Max(best, 20000.0 * 8 * 16 / Stopwatch.GetElapsedTime(start).TotalMicroseconds / 1000);
        }
        return best;
    }

    private static void Products(int count)
    {
        Vector256<short> x = Vector256.Create((short)count);
        Vector256<short> y0 = x + x, y1 = x + y0, y2 = x + y1, y3 = x + y2, y4 = x + y3, y5 = x + y4, y6 = x + y5, y7 = x + y6;
        Vector256<int> a = default, b = a, c = a, d = a, e = a, f = a, g = a, h = a;
        for (int i = 0; i < count; i++)
        {
            // The factor changes, so that no product is taken out of the loop; the sums do not wait for one another.
            x += x;
            a += Avx2.MultiplyAddAdjacent(x, y0);
            b += Avx2.MultiplyAddAdjacent(x, y1);
            c += Avx2.MultiplyAddAdjacent(x, y2);
            d += Avx2.MultiplyAddAdjacent(x, y3);
            e += Avx2.MultiplyAddAdjacent(x, y4);
            f += Avx2.MultiplyAddAdjacent(x, y5);
            g += Avx2.MultiplyAddAdjacent(x, y6);
            h += Avx2.MultiplyAddAdjacent(x, y7);
        }
        _sink = (a + b + c + d + e + f + g + h).ToScalar();
    }
}
