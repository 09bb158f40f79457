using System.Diagnostics;
using EdgeRuntime.Kernels;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Benchmarks;

/// <summary>Times every set of elementwise kernels on sizes that the networks have, on one thread.</summary>
internal static unsafe class ElementwiseBenchmark
{
    private const int Bytes = 1 << 20;

    private delegate void Operation(ElementwiseKernel kernel, byte* a, byte* b, byte* y);

    public static void Run(string[] args)
    {
        CpuFeatures cpu = CpuFeatures.Detect();
        ElementwiseKernel[] kernels = [.. ElementwiseKernels.All.Where(k => cpu.Has(k.Descriptor.Requires))];
        Console.WriteLine($"{"microseconds",-34}" + string.Concat(kernels.Select(k => $"{k.Descriptor.Id,26}")));
        using NativeBuffer a = new(Bytes), b = new(Bytes), y = new(Bytes);
        foreach ((string name, Operation operation) in Operations())
        {
            Fill(a, name);
            Fill(b, name);
            Console.WriteLine($"{name,-34}" + string.Concat(kernels.Select(k => $"{1e6 * Measure(k, operation, a.Pointer, b.Pointer, y.Pointer),26:F2}")));
        }
    }

    private static (string Name, Operation Operation)[] Operations()
    {
        AddInt8Parameters add = AddInt8Parameters.From(0.7, 3, 0.9, -5, 1, -128, 127);
        MulInt8Parameters mul = new(3, -5, FixedPointMultiplier.From(0.01), 1, -128, 127);
        AverageInt8Parameters average = new(-128, FixedPointMultiplier.From(1.0 / 49), -128, -128, 127);
        SoftmaxInt8Parameters softmax = new(1, 0.1, 1.0 / 256, -128);
        float infinity = float.PositiveInfinity;
        return
        [
            ("int8 add 16384", (k, a, b, y) => k.AddInt8(add, (sbyte*)a, 1, (sbyte*)b, 1, (sbyte*)y, 16384)),
            ("int8 multiply 16384", (k, a, b, y) => k.MulInt8(mul, (sbyte*)a, 1, (sbyte*)b, 1, (sbyte*)y, 16384)),
            ("lookup 16384", (k, a, b, y) => k.Lookup(b, a, y, 16384)),
            ("lookup 64", (k, a, b, y) => k.Lookup(b, a, y, 64)),
            ("quantize 27648", (k, a, b, y) => k.Quantize((float*)a, y, 27648, 0.1f, -1, -128, 127)),
            ("dequantize 27648", (k, a, b, y) => k.Dequantize(a, (float*)y, 27648, 0.1f, -1, false)),
            ("int8 average 49 x 1280", (k, a, b, y) => WithTaps(a, 49, 1280, taps => k.AverageInt8(average, (sbyte**)taps, 49, 1280, (sbyte*)y))),
            ("int8 max 9 x 64", (k, a, b, y) => WithTaps(a, 9, 64, taps => k.MaxInt8((sbyte**)taps, 9, 64, (sbyte*)y))),
            ("int8 softmax 12", (k, a, b, y) => k.SoftmaxInt8(softmax, (sbyte*)a, (sbyte*)y, 12)),
            ("int8 softmax 1001", (k, a, b, y) => k.SoftmaxInt8(softmax, (sbyte*)a, (sbyte*)y, 1001)),
            ("float add, relu 16384", (k, a, b, y) => k.Binary(BinaryOperation.Add, (float*)a, 1, (float*)b, 1, (float*)y, 16384, 0, infinity)),
            ("float clip 16384", (k, a, b, y) => k.Clip((float*)a, (float*)y, 16384, 0, 6)),
            ("float average 49 x 1280", (k, a, b, y) => WithTaps(a, 49, 5120, taps => k.Average((float**)taps, 49, 1280, (float*)y, 1f / 49))),
            ("float max 9 x 64", (k, a, b, y) => WithTaps(a, 9, 256, taps => k.Max((float**)taps, 9, 64, (float*)y))),
            ("float softmax 12", (k, a, b, y) => k.Softmax((float*)a, (float*)y, 12, 1)),
            ("float softmax 1001", (k, a, b, y) => k.Softmax((float*)a, (float*)y, 1001, 1)),
            ("sigmoid 4096", (k, a, b, y) => k.Apply(FloatFunction.Sigmoid, (float*)a, (float*)y, 4096)),
            ("tanh 4096", (k, a, b, y) => k.Apply(FloatFunction.Tanh, (float*)a, (float*)y, 4096)),
            ("transpose f32 [3, 9216]", (k, a, b, y) => k.Transpose(a, y, 3, 9216, 4, 0, 9216)),
            ("transpose f32 [9216, 3]", (k, a, b, y) => k.Transpose(a, y, 9216, 3, 4, 0, 3)),
            ("transpose f32 [64, 256]", (k, a, b, y) => k.Transpose(a, y, 64, 256, 4, 0, 256)),
            ("transpose u8 [3, 9216]", (k, a, b, y) => k.Transpose(a, y, 3, 9216, 1, 0, 9216)),
            ("transpose u8 [9216, 3]", (k, a, b, y) => k.Transpose(a, y, 9216, 3, 1, 0, 3)),
            ("transpose u8 [64, 256]", (k, a, b, y) => k.Transpose(a, y, 64, 256, 1, 0, 256)),
        ];
    }

    private static void WithTaps(byte* x, int count, int bytes, Action<nint> run)
    {
        void** taps = stackalloc void*[count];
        for (int t = 0; t < count; t++) taps[t] = x + t * bytes;
        run((nint)taps);
    }

    private static void Fill(NativeBuffer buffer, string name)
    {
        Random random = new(1);
        bool bytes = name.Contains("int8", StringComparison.Ordinal) || name.Contains("lookup", StringComparison.Ordinal) || name.StartsWith("deq", StringComparison.Ordinal);
        if (bytes) random.NextBytes(buffer.Span<byte>(0, Bytes));
        else foreach (ref float v in buffer.Span<float>(0, Bytes / 4)) v = random.NextSingle() * 8 - 4;
    }

    private static double Measure(ElementwiseKernel kernel, Operation operation, byte* a, byte* b, byte* y)
    {
        operation(kernel, a, b, y);
        double least = double.PositiveInfinity;
        for (int n = 0; n < 30; n++)
        {
            long start = Stopwatch.GetTimestamp();
            for (int r = 0; r < 10; r++) operation(kernel, a, b, y);
            least = Math.Min(least, Stopwatch.GetElapsedTime(start).TotalSeconds / 10);
        }
        return least;
    }
}
