using EdgeRuntime.Tensors;
using Xunit;

namespace EdgeRuntime.Kernels.Tests;

/// <summary>
/// Every set of elementwise kernels that this processor can run, against the reference, on buffers that border on forbidden
/// pages: integers bit for bit, floats within the stated error.
/// </summary>
public sealed unsafe class ElementwiseConformanceTests
{
    private static readonly ElementwiseReference Reference = new();
    private static readonly int[] Counts = [0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 127, 128, 257, 1001];
    private static readonly float[] Special = [float.NaN, float.PositiveInfinity, float.NegativeInfinity, 0f, -0f, float.MaxValue, float.MinValue, float.Epsilon, 0.5f, -0.5f, 1.5f, 2.5f, 1e-30f, 3e9f, -3e9f];

    public static TheoryData<string> Kernels() => [.. ChosenKernels.Ids(ElementwiseKernels.All.Select(k => k.Descriptor))];

    [Theory]
    [MemberData(nameof(Kernels))]
    public void AddInt8_is_exact(string id)
    {
        foreach (int count in Counts)
            for (int n = 0; n < 6; n++)
            {
                Random random = new(100 * count + n);
                double largest = Math.Pow(2, random.Next(-6, 5));
                AddInt8Parameters p = AddInt8Parameters.From(largest * random.NextDouble() + 1e-3, random.Next(-128, 128), (n % 2 == 0 ? 1 : -1) * largest * random.NextDouble() + 1e-4, random.Next(-128, 128),
                    random.Next(-128, 128), n % 3 == 0 ? -100 : -128, n % 3 == 0 ? 90 : 127);
                CheckTwo<sbyte>(id, count, n, random, (k, a, stepA, b, stepB, y) => k.AddInt8(p, a, stepA, b, stepB, y, count));
            }
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void MulInt8_is_exact(string id)
    {
        foreach (int count in Counts)
            for (int n = 0; n < 6; n++)
            {
                Random random = new(100 * count + n);
                MulInt8Parameters p = new(random.Next(-128, 128), random.Next(-128, 128), FixedPointMultiplier.From(Math.Pow(2, random.Next(-12, n == 5 ? 20 : 0)) * random.NextDouble()),
                    random.Next(-128, 128), n % 2 == 0 ? -128 : -17, 127);
                CheckTwo<sbyte>(id, count, n, random, (k, a, stepA, b, stepB, y) => k.MulInt8(p, a, stepA, b, stepB, y, count));
            }
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Lookup_is_exact(string id)
    {
        foreach (int count in Counts)
            for (int n = 0; n < 4; n++)
            {
                byte[] table = new byte[256];
                new Random(n).NextBytes(table);
                if (n < 2) for (int i = 0; i < 256; i++) table[i] = (byte)(i ^ (n * 0x80));
                if (n == 2) for (int i = 0; i < 256; i++) table[i] = (byte)(i ^ (i == 200 ? 1 : 0));
                byte[] input = [.. Enumerable.Range(n, count).Select(i => (byte)i)];
                using GuardedBuffer guardedTable = new(256, atEnd: n % 2 == 0);
                table.CopyTo(guardedTable.Span<byte>());
                CheckOne<byte, byte>(id, input, count, (k, x, y) => k.Lookup(guardedTable.Pointer, x, y, count));
            }
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Quantize_is_exact(string id)
    {
        foreach (int count in Counts)
            for (int n = 0; n < 4; n++)
            {
                Random random = new(count + n);
                float scale = new[] { 0.25f, 1 / 255f, 0.0173f, 3e-38f }[n];
                int zero = new[] { 0, -128, 127, 3 }[n];
                float[] input = Floats(count, random, scale * 100);
                for (int i = 0; i + 1 < count; i += 2) input[i] = scale * (random.Next(-200, 200) + 0.5f);
                CheckOne<float, byte>(id, input, count, (k, x, y) => k.Quantize(x, y, count, scale, zero, -128, 127));
                CheckOne<float, byte>(id, input, count, (k, x, y) => k.Quantize(x, y, count, scale, zero + 128, 0, 255));
            }
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Dequantize_is_exact(string id)
    {
        foreach (int count in Counts)
        {
            byte[] input = [.. Enumerable.Range(count, count).Select(i => (byte)i)];
            CheckOne<byte, float>(id, input, count, (k, x, y) => k.Dequantize(x, y, count, 0.0371f, -7, isUnsigned: false));
            CheckOne<byte, float>(id, input, count, (k, x, y) => k.Dequantize(x, y, count, 0.0371f, 131, isUnsigned: true));
        }
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Integer_pooling_is_exact(string id)
    {
        foreach (int channels in new[] { 1, 8, 15, 16, 17, 31, 32, 40, 64, 100, 257 })
            foreach (int taps in new[] { 1, 2, 9, 49, 300, 1000 })
            {
                Random random = new(channels * taps);
                byte[] input = new byte[taps * channels];
                random.NextBytes(input);
                if (taps == 1000) Array.Fill(input, (byte)0x80);
                AverageInt8Parameters p = new(random.Next(-128, 128), FixedPointMultiplier.From(channels % 2 == 0 ? 0.25 : (taps % 2 == 0 ? 0.9 : 1.7) / taps), random.Next(-128, 128), -128, taps == 9 ? 50 : 127);
                CheckTaps<byte, byte>(id, input, taps, channels, (k, pointers, y) => k.AverageInt8(p, (sbyte**)pointers, taps, channels, (sbyte*)y), 0);
                CheckTaps<byte, byte>(id, input, taps, channels, (k, pointers, y) => k.MaxInt8((sbyte**)pointers, taps, channels, (sbyte*)y), 0);
            }
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Float_pooling_agrees(string id)
    {
        foreach (int channels in new[] { 1, 7, 8, 9, 16, 17, 33, 100 })
            foreach (int taps in new[] { 1, 2, 9, 49 })
            {
                float[] input = Floats(taps * channels, new Random(channels * taps), 3, special: false);
                CheckTaps<float, float>(id, input, taps, channels, (k, pointers, y) => k.Average((float**)pointers, taps, channels, y, 1f / taps), 1e-6);
                input = Floats(taps * channels, new Random(channels * taps), 3);
                CheckTaps<float, float>(id, input, taps, channels, (k, pointers, y) => k.Max((float**)pointers, taps, channels, y), 0);
            }
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void SoftmaxInt8_is_exact(string id)
    {
        foreach (int count in new[] { 1, 2, 3, 10, 12, 64, 299, 300, 333, 1001 })
            for (int n = 0; n < 4; n++)
            {
                SoftmaxInt8Parameters p = new(1, new[] { 0.02, 0.3, 1.0, 0.0001 }[n], 1.0 / 256, -128);
                Random random = new(count);
                byte[] input = new byte[count];
                if (n == 3) Array.Fill(input, (byte)random.Next()); else random.NextBytes(input);
                CheckOne<byte, byte>(id, input, count, (k, x, y) => k.SoftmaxInt8(p, (sbyte*)x, (sbyte*)y, count));
            }
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Binary_and_clip_agree(string id)
    {
        foreach (int count in Counts)
            foreach (BinaryOperation operation in Enum.GetValues<BinaryOperation>())
                for (int n = 0; n < 6; n++)
                {
                    Random random = new(count + n);
                    (float min, float max) = n % 2 == 0 ? (-1f, 6f) : (float.NegativeInfinity, float.PositiveInfinity);
                    CheckTwo<float>(id, count, n, random, (k, a, stepA, b, stepB, y) => k.Binary(operation, a, stepA, b, stepB, y, count, min, max));
                    CheckOne<float, float>(id, Floats(count, random, 10), count, (k, x, y) => k.Clip(x, y, count, min, max));
                }
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Exponentials_keep_their_bounds(string id)
    {
        foreach (int count in Counts)
            foreach (float range in new[] { 0.01f, 2f, 20f, 200f })
            {
                float[] input = Floats(count, new Random(count), range, special: false);
                CheckOne<float, float>(id, input, count, (k, x, y) => k.Apply(FloatFunction.Sigmoid, x, y, count), 0, 1e-6);
                CheckOne<float, float>(id, input, count, (k, x, y) => k.Apply(FloatFunction.Tanh, x, y, count), 0, 1e-6);
                if (count > 0) CheckOne<float, float>(id, input, count, (k, x, y) => k.Softmax(x, y, count, 0.7f), 2e-6, 1e-36);
                float[] special = Floats(count, new Random(count), range);
                CheckOne<float, float>(id, special, count, (k, x, y) => k.Apply(FloatFunction.Sigmoid, x, y, count), 0, 1e-6);
                CheckOne<float, float>(id, special, count, (k, x, y) => k.Apply(FloatFunction.Tanh, x, y, count), 0, 1e-6);
                if (count > 0) CheckOne<float, float>(id, special, count, (k, x, y) => k.Softmax(x, y, count, 0.7f), 2e-6, 1e-36);
            }
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Functions_keep_their_bounds(string id)
    {
        foreach (FloatFunction function in Enum.GetValues<FloatFunction>())
            foreach (int count in Counts)
                foreach (float range in new[] { 0.01f, 5f, 200f })
                {
                    float[] input = Floats(count, new Random(count), range);
                    CheckOne<float, float>(id, input, count, (k, x, y) => k.Apply(function, x, y, count, 0.1f), function == FloatFunction.Exp ? 3e-7 : 0, function is FloatFunction.Sigmoid or FloatFunction.Tanh ? 1e-6 : 0);
                }
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Transpose_is_exact(string id)
    {
        foreach (int bytes in new[] { 1, 2, 4, 8 })
            foreach ((int rows, int columns) in new[] { (1, 1), (1, 40), (40, 1), (3, 1), (1, 3), (3, 3), (3, 50), (50, 3), (3, 257), (257, 3), (8, 8), (16, 24), (9, 23), (30, 5), (5, 30), (64, 17), (2, 100) })
            {
                byte[] input = new byte[rows * columns * bytes];
                new Random(rows + columns).NextBytes(input);
                foreach ((int first, int end) in new[] { (0, columns), (0, columns / 2), (columns / 3, columns), (columns / 2, columns / 2) })
                    CheckOne<byte, byte>(id, input, input.Length, (k, x, y) => k.Transpose(x, y, rows, columns, bytes, first, end), inPlace: false);
            }
    }

    private delegate void OfOne<TIn, TOut>(ElementwiseKernel kernel, TIn* x, TOut* y) where TIn : unmanaged where TOut : unmanaged;

    private delegate void OfTwo<T>(ElementwiseKernel kernel, T* a, int stepA, T* b, int stepB, T* y) where T : unmanaged;

    private delegate void OfTaps<T>(ElementwiseKernel kernel, void** taps, T* y) where T : unmanaged;

    private static ElementwiseKernel Kernel(string id) => ElementwiseKernels.All.Single(k => k.Descriptor.Id == id);

    private static void CheckOne<TIn, TOut>(string id, TIn[] input, int outputs, OfOne<TIn, TOut> run, double relative = 0, double absolute = 0, bool inPlace = true)
        where TIn : unmanaged where TOut : unmanaged
    {
        foreach (bool atEnd in new[] { true, false })
        {
            using GuardedBuffer x = new(input.Length * sizeof(TIn), atEnd), y = new(outputs * sizeof(TOut), atEnd);
            input.CopyTo(x.Span<TIn>());
            y.Span<byte>().Fill(0xA5);
            run(Reference, (TIn*)x.Pointer, (TOut*)y.Pointer);
            TOut[] expected = y.Span<TOut>().ToArray();
            y.Span<byte>().Fill(0xA5);
            run(Kernel(id), (TIn*)x.Pointer, (TOut*)y.Pointer);
            Compare(id, expected, y.Span<TOut>(), relative, absolute);
            if (!inPlace || sizeof(TIn) != sizeof(TOut)) continue;
            run(Kernel(id), (TIn*)x.Pointer, (TOut*)x.Pointer);
            Compare(id + " in place", expected, x.Span<TOut>()[..outputs], relative, absolute);
        }
    }

    /// <summary>Variant n: 0 and 3 both operands whole, 1 and 4 the first repeated, 2 and 5 the second.</summary>
    private static void CheckTwo<T>(string id, int count, int n, Random random, OfTwo<T> run) where T : unmanaged
    {
        int stepA = n % 3 == 1 ? 0 : 1, stepB = n % 3 == 2 ? 0 : 1;
        T[] a = Values<T>(stepA == 0 ? 1 : count, random), b = Values<T>(stepB == 0 ? 1 : count, random);
        foreach (bool atEnd in new[] { true, false })
        {
            using GuardedBuffer guardedA = new(a.Length * sizeof(T), atEnd), guardedB = new(b.Length * sizeof(T), atEnd), y = new(count * sizeof(T), atEnd);
            a.CopyTo(guardedA.Span<T>());
            b.CopyTo(guardedB.Span<T>());
            run(Reference, (T*)guardedA.Pointer, stepA, (T*)guardedB.Pointer, stepB, (T*)y.Pointer);
            T[] expected = y.Span<T>().ToArray();
            y.Span<byte>().Fill(0xA5);
            run(Kernel(id), (T*)guardedA.Pointer, stepA, (T*)guardedB.Pointer, stepB, (T*)y.Pointer);
            Compare(id, expected, y.Span<T>(), 0, 0);
            GuardedBuffer target = stepA == 1 ? guardedA : guardedB;
            run(Kernel(id), (T*)guardedA.Pointer, stepA, (T*)guardedB.Pointer, stepB, (T*)target.Pointer);
            Compare(id + " in place", expected, target.Span<T>(), 0, 0);
        }
    }

    private static void CheckTaps<T, TOut>(string id, T[] input, int taps, int channels, OfTaps<TOut> run, double relative) where T : unmanaged where TOut : unmanaged
    {
        void** pointers = stackalloc void*[taps];
        foreach (bool atEnd in new[] { true, false })
        {
            using GuardedBuffer x = new(input.Length * sizeof(T), atEnd), y = new(channels * sizeof(TOut), atEnd);
            input.CopyTo(x.Span<T>());
            for (int t = 0; t < taps; t++) pointers[t] = (T*)x.Pointer + t * channels;
            run(Reference, pointers, (TOut*)y.Pointer);
            TOut[] expected = y.Span<TOut>().ToArray();
            y.Span<byte>().Fill(0xA5);
            run(Kernel(id), pointers, (TOut*)y.Pointer);
            Compare(id, expected, y.Span<TOut>(), relative, 1e-7);
        }
    }

    private static void Compare<T>(string id, T[] expected, ReadOnlySpan<T> actual, double relative, double absolute) where T : unmanaged
    {
        for (int i = 0; i < expected.Length; i++)
        {
            if (expected[i] is float e && actual[i] is float a)
            {
                bool same = float.IsNaN(e) ? float.IsNaN(a) : e == a || Math.Abs((double)e - a) <= Math.Max(relative * Math.Abs(e), absolute);
                if (!same) Assert.Fail($"{id}: element {i} of {expected.Length} is {a:R}, expected {e:R}");
            }
            else if (!expected[i].Equals(actual[i])) Assert.Fail($"{id}: element {i} of {expected.Length} is {actual[i]}, expected {expected[i]}");
        }
    }

    private static T[] Values<T>(int count, Random random) where T : unmanaged
    {
        if (typeof(T) == typeof(float)) return (T[])(object)Floats(count, random, 5);
        sbyte[] values = new sbyte[count];
        foreach (ref sbyte v in values.AsSpan()) v = random.Next(8) == 0 ? (random.Next(2) == 0 ? sbyte.MinValue : sbyte.MaxValue) : (sbyte)random.Next(-128, 128);
        return (T[])(object)values;
    }

    private static float[] Floats(int count, Random random, float range, bool special = true)
    {
        float[] values = new float[count];
        foreach (ref float v in values.AsSpan()) v = special && random.Next(12) == 0 ? Special[random.Next(Special.Length)] : (random.NextSingle() * 2 - 1) * range;
        return values;
    }
}
