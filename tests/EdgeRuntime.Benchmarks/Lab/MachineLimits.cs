using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using EdgeRuntime.Kernels;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Benchmarks;

/// <summary>One measured limit of a core.</summary>
/// <param name="Name">The instruction, or the level of memory.</param>
/// <param name="Giga">Billions of multiply-accumulates, or of bytes read, in a second.</param>
internal sealed record MachineLimit(string Name, double Giga);

/// <summary>
/// What one core can do at most, measured here and now: multiply-accumulates by each instruction from registers, and reads from
/// each level of memory.
/// </summary>
internal sealed unsafe class MachineLimits
{
    public const string Fma = "fp32 FMA", Fma512 = "fp32 FMA, 512 bits", Int16 = "int16 pairs (VPMADDWD, SMLAL)", Int8Saturating = "int8 VPMADDUBSW + VPMADDWD",
        Dot = "int8 dot (VPDPBUSD, SDOT)", Dot512 = "int8 dot, 512 bits", Bits = "bits (XOR, popcount)";

    private const int Turns = 20_000;

    private MachineLimits(List<MachineLimit> products, List<MachineLimit> reads) => (Products, Reads) = (products, reads);

    /// <summary>Multiply-accumulates by instruction; those that the processor has.</summary>
    public IReadOnlyList<MachineLimit> Products { get; }

    /// <summary>Bytes read by level, the nearest first.</summary>
    public IReadOnlyList<MachineLimit> Reads { get; }

    /// <summary>The peak of an instruction, NaN where the processor lacks it.</summary>
    public double Peak(string name) => Products.FirstOrDefault(p => p.Name == name)?.Giga ?? double.NaN;

    /// <summary>The larger of these and of what was measured before on the same machine.</summary>
    public MachineLimits OrBetter(IReadOnlyList<MachineLimit> products, IReadOnlyList<MachineLimit> reads)
    {
        return new([.. Products.Select(p => Larger(p, products))], [.. Reads.Select(r => Larger(r, reads))]);

        static MachineLimit Larger(MachineLimit a, IReadOnlyList<MachineLimit> others) => a with { Giga = Math.Max(a.Giga, others.FirstOrDefault(o => o.Name == a.Name)?.Giga ?? 0) };
    }

    /// <summary>Measures everything, in about a second.</summary>
    public static MachineLimits Measure()
    {
        using NativeBuffer memory = new(256 << 20);
        new Random(1).NextBytes(memory.Span<byte>(0, 1 << 20));
        return new MachineLimits(MeasureProducts(), [.. new (string, int)[] { ("L1", 16 << 10), ("L2", 256 << 10), ("L3", 8 << 20), ("DRAM", 256 << 20) }
            .Select(l => new MachineLimit(l.Item1, ReadRate(memory.Pointer, l.Item2)))]);
    }

    /// <summary>Measures the multiply-accumulates only, in some tens of milliseconds.</summary>
    public static List<MachineLimit> MeasureProducts()
    {
        List<MachineLimit> products = [];
        if (System.Runtime.Intrinsics.X86.Fma.IsSupported) Add<FmaProduct, Vector256<byte>>(Fma);
        if (Avx512F.IsSupported) Add<Fma512Product, Vector512<byte>>(Fma512);
        if (Avx2.IsSupported)
        {
            Add<PairProduct, Vector256<byte>>(Int16);
            Add<SaturatingProduct, Vector256<byte>>(Int8Saturating);
            Add<ShufflePopcount, Vector256<byte>>(Bits);
        }
#pragma warning disable CA2252 // AvxVnni was a preview API before .NET 10
        if (AvxVnni.IsSupported) Add<DotProduct, Vector256<byte>>(Dot);
#pragma warning restore CA2252
        if (CpuFeatures.Detect().Has(CpuFeature.Avx512Vnni)) products.Add(new MachineLimit(Dot512, Turns * 12.0 * 64 / LeastDot512() / 1e9));
        if (AdvSimd.Arm64.IsSupported)
        {
            Add<NeonFma, Vector128<byte>>(Fma);
            Add<NeonWidening, Vector128<byte>>(Int16);
            Add<NeonCount, Vector128<byte>>(Bits);
        }
        if (Dp.IsSupported) Add<NeonDot, Vector128<byte>>(Dot);
        return products;

        void Add<TProduct, TVector>(string name) where TProduct : struct, IProduct<TVector> where TVector : unmanaged =>
            products.Add(new MachineLimit(name, (double)Turns * 12 * TProduct.Count / Least(() => Chain<TProduct, TVector>(Turns), 60) / 1e9));
    }

    /// <summary>The same chains by an instruction that the compiler does not know.</summary>
    private static double LeastDot512()
    {
        X64Assembler code = new();
        for (int sum = 0; sum < 12; sum++) code.DotUnsignedSigned(sum, 24, 12 + sum);
        code.Add(Register.Rdi, -1);
        code.JumpIfNotZero(0);
        code.Return();
        var run = (delegate* unmanaged<long, void>)ExecutableCode.Load(code.ToArray());
        return Least(() => run(Turns), 60);
    }

    private static double Least(Action run, int times)
    {
        double least = double.PositiveInfinity;
        for (int i = 0; i < times; i++)
        {
            long start = Stopwatch.GetTimestamp();
            run();
            least = Math.Min(least, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        return least;
    }

    /// <summary>
    /// Twelve sums that don't wait for one another. The factors y differ, so that no product serves two sums, and x changes every
    /// turn, so that none is taken out of the loop.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static void Chain<TProduct, TVector>(int turns) where TProduct : struct, IProduct<TVector> where TVector : unmanaged
    {
        // Aligned, lest loads cross cache lines: a third of the peak.
        byte* room = stackalloc byte[12 * sizeof(TVector) + 63];
        TVector* y = (TVector*)(((nint)room + 63) & ~63);
        for (int i = 0; i < 12 * sizeof(TVector); i++) ((byte*)y)[i] = (byte)(i * 37 & 0x3F);
        TVector x = y[3], a = default, b = a, c = a, d = a, e = a, f = a, g = a, h = a, j = a, k = a, l = a, m = a;
        for (int i = 0; i < turns; i++)
        {
            x = TProduct.Turn(x);
            a = TProduct.Accumulate(a, x, y[0]);
            b = TProduct.Accumulate(b, x, y[1]);
            c = TProduct.Accumulate(c, x, y[2]);
            d = TProduct.Accumulate(d, x, y[3]);
            e = TProduct.Accumulate(e, x, y[4]);
            f = TProduct.Accumulate(f, x, y[5]);
            g = TProduct.Accumulate(g, x, y[6]);
            h = TProduct.Accumulate(h, x, y[7]);
            j = TProduct.Accumulate(j, x, y[8]);
            k = TProduct.Accumulate(k, x, y[9]);
            l = TProduct.Accumulate(l, x, y[10]);
            m = TProduct.Accumulate(m, x, y[11]);
        }
        (y[0], y[1], y[2], y[3], y[4], y[5], y[6], y[7]) = (a, b, c, d, e, f, g, h);
        (y[8], y[9], y[10], y[11]) = (j, k, l, m);
        Keep(y);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Keep(void* results) { }

    private static double ReadRate(byte* memory, int bytes)
    {
        int passes = Math.Max(1, (16 << 20) / bytes);
        return (double)bytes * passes / Least(() => Read(memory, bytes, passes), bytes > 64 << 20 ? 4 : 20) / 1e9;
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static void Read(byte* memory, int bytes, int passes)
    {
        Vector256<byte> a = default, b = a, c = a, d = a;
        for (; passes > 0; passes--)
            for (byte* p = memory, end = memory + bytes; p < end; p += 128)
            {
                a ^= Vector256.LoadAligned(p);
                b ^= Vector256.LoadAligned(p + 32);
                c ^= Vector256.LoadAligned(p + 64);
                d ^= Vector256.LoadAligned(p + 96);
            }
        // A variable of its own: those of the loop stay in registers, since nobody takes their address.
        Vector256<byte> all = a ^ b ^ c ^ d;
        Keep(&all);
    }

    /// <summary>One multiplication with its accumulation.</summary>
    private interface IProduct<T>
    {
        /// <summary>Multiply-accumulates that it does.</summary>
        static abstract int Count { get; }

        /// <summary>sum + x · y.</summary>
        static abstract T Accumulate(T sum, T x, T y);

        /// <summary>Another x.</summary>
        static abstract T Turn(T x);
    }

    private readonly struct FmaProduct : IProduct<Vector256<byte>>
    {
        public static int Count => 8;

        public static Vector256<byte> Accumulate(Vector256<byte> sum, Vector256<byte> x, Vector256<byte> y) =>
            System.Runtime.Intrinsics.X86.Fma.MultiplyAdd(x.AsSingle(), y.AsSingle(), sum.AsSingle()).AsByte();

        public static Vector256<byte> Turn(Vector256<byte> x) => x;
    }

    private readonly struct Fma512Product : IProduct<Vector512<byte>>
    {
        public static int Count => 16;

        public static Vector512<byte> Accumulate(Vector512<byte> sum, Vector512<byte> x, Vector512<byte> y) =>
            Avx512F.FusedMultiplyAdd(x.AsSingle(), y.AsSingle(), sum.AsSingle()).AsByte();

        public static Vector512<byte> Turn(Vector512<byte> x) => x;
    }

    private readonly struct PairProduct : IProduct<Vector256<byte>>
    {
        public static int Count => 16;

        public static Vector256<byte> Accumulate(Vector256<byte> sum, Vector256<byte> x, Vector256<byte> y) =>
            (sum.AsInt32() + Avx2.MultiplyAddAdjacent(x.AsInt16(), y.AsInt16())).AsByte();

        public static Vector256<byte> Turn(Vector256<byte> x) => x + x;
    }

    private readonly struct SaturatingProduct : IProduct<Vector256<byte>>
    {
        public static int Count => 32;

        public static Vector256<byte> Accumulate(Vector256<byte> sum, Vector256<byte> x, Vector256<byte> y) =>
            (sum.AsInt32() + Avx2.MultiplyAddAdjacent(Avx2.MultiplyAddAdjacent(x, y.AsSByte()), Vector256<short>.One)).AsByte();

        public static Vector256<byte> Turn(Vector256<byte> x) => x + x;
    }

    private readonly struct ShufflePopcount : IProduct<Vector256<byte>>
    {
        public static int Count => 256;

        // Counts of bytes, which kernels widen every few steps.
        public static Vector256<byte> Accumulate(Vector256<byte> sum, Vector256<byte> x, Vector256<byte> y)
        {
            Vector256<byte> low = Vector256.Create((byte)15), bits = x ^ y;
            Vector256<byte> table = Vector256.Create(Vector128.Create((byte)0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
            return sum + Avx2.Shuffle(table, bits & low) + Avx2.Shuffle(table, (bits.AsUInt16() >> 4).AsByte() & low);
        }

        public static Vector256<byte> Turn(Vector256<byte> x) => x + x;
    }

#pragma warning disable CA2252 // AvxVnni was a preview API before .NET 10
    private readonly struct DotProduct : IProduct<Vector256<byte>>
    {
        public static int Count => 32;

        public static Vector256<byte> Accumulate(Vector256<byte> sum, Vector256<byte> x, Vector256<byte> y) =>
            AvxVnni.MultiplyWideningAndAdd(sum.AsInt32(), x, y.AsSByte()).AsByte();

        public static Vector256<byte> Turn(Vector256<byte> x) => x;
    }
#pragma warning restore CA2252

    private readonly struct NeonFma : IProduct<Vector128<byte>>
    {
        public static int Count => 4;

        public static Vector128<byte> Accumulate(Vector128<byte> sum, Vector128<byte> x, Vector128<byte> y) =>
            AdvSimd.FusedMultiplyAdd(sum.AsSingle(), x.AsSingle(), y.AsSingle()).AsByte();

        public static Vector128<byte> Turn(Vector128<byte> x) => x;
    }

    private readonly struct NeonWidening : IProduct<Vector128<byte>>
    {
        public static int Count => 8;

        public static Vector128<byte> Accumulate(Vector128<byte> sum, Vector128<byte> x, Vector128<byte> y) =>
            AdvSimd.MultiplyWideningLowerAndAdd(sum.AsInt16(), x.AsSByte().GetLower(), y.AsSByte().GetLower()).AsByte();

        public static Vector128<byte> Turn(Vector128<byte> x) => x;
    }

    private readonly struct NeonDot : IProduct<Vector128<byte>>
    {
        public static int Count => 16;

        public static Vector128<byte> Accumulate(Vector128<byte> sum, Vector128<byte> x, Vector128<byte> y) =>
            Dp.DotProduct(sum.AsInt32(), x.AsSByte(), y.AsSByte()).AsByte();

        public static Vector128<byte> Turn(Vector128<byte> x) => x;
    }

    private readonly struct NeonCount : IProduct<Vector128<byte>>
    {
        public static int Count => 128;

        public static Vector128<byte> Accumulate(Vector128<byte> sum, Vector128<byte> x, Vector128<byte> y) => sum + AdvSimd.PopCount(x ^ y);

        public static Vector128<byte> Turn(Vector128<byte> x) => x + x;
    }
}
