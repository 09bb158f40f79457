using System.Runtime.CompilerServices;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Nibbles become floats without being moved: a mask leaves n · 16^i in its word, which converts exactly, and the row's element has
/// been divided by 16^i. Mask, conversion and FMA for every vector of products; two chains of sums for each vector of channels.
/// </summary>
/// <typeparam name="S">The instruction set.</typeparam>
/// <typeparam name="V">Its register.</typeparam>
internal sealed unsafe class NibbleLinearGemv<S, V>(string name, CpuFeature requires, double productsPerCycle) : NibbleLinearKernel where S : struct, IFloatVector<V> where V : unmanaged
{
    private const int StepBytes = 4 * Int4Block.Columns;

    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } = new($"linear-f32s4-gemv-{name}", "linear-f32s4", requires,
        "float rows × nibble weights, masked and converted in registers; for few rows");

    /// <inheritdoc/>
    public override double EstimateCycles(in NibbleLinearShape shape) =>
        200 + shape.Rows * (2.0 * shape.Inputs + (double)shape.Panels * Int4Block.Columns * shape.Inputs * (shape.Bits / 4) / productsPerCycle);

    internal override void Multiply(in NibbleLinearShape shape, byte* panel, float* x, float* starts, float* sums)
    {
        for (int column = 0; column < Int4Block.Columns; column += 4 * S.Lanes) Pass(shape, panel, column, x, starts, sums);
    }

    private static void Pass(in NibbleLinearShape shape, byte* panel, int column, float* x, float* starts, float* sums)
    {
        V t0 = S.Create(0), t1 = t0, t2 = t0, t3 = t0;
        bool grouped = shape.Group > 0;
        int planes = shape.Bits / 4, chunkBytes = shape.ChunkBytes;
        float* end = starts + shape.Chunks;
        for (; starts < end; starts++, panel += chunkBytes, x += Int4Block.Chunk)
            for (int plane = 0; plane < planes; plane++)
            {
                V a0 = plane == 0 ? S.Broadcast(starts) : S.Create(0), a1 = a0, a2 = a0, a3 = a0, b0 = S.Create(0), b1 = b0, b2 = b0, b3 = b0;
                byte* w = panel + plane * Int4Block.ChunkBytes + column * 4;
                float* p = x;
                int steps = Int4Block.Chunk / 8;
                do
                {
                    if (S.Registers > 16)
                    {
                        V w0 = S.Load((float*)w), w1 = S.Load((float*)w + S.Lanes), w2 = S.Load((float*)w + 2 * S.Lanes), w3 = S.Load((float*)w + 3 * S.Lanes), x0 = S.Load(p), x1 = S.Load(p + 4);
                        AddApart(ref a0, ref a1, ref a2, ref a3, ref b0, ref b1, ref b2, ref b3, w0, w1, w2, w3, x0, 0);
                        AddApart(ref a0, ref a1, ref a2, ref a3, ref b0, ref b1, ref b2, ref b3, w0, w1, w2, w3, x0, 2);
                        AddApart(ref a0, ref a1, ref a2, ref a3, ref b0, ref b1, ref b2, ref b3, w0, w1, w2, w3, x1, 4);
                        w += StepBytes;
                        p += 8;
                        steps--;
                        AddApart(ref a0, ref a1, ref a2, ref a3, ref b0, ref b1, ref b2, ref b3, w0, w1, w2, w3, x1, 6);
                        continue;
                    }
                    AddPair(ref a0, ref a1, ref a2, ref a3, ref b0, ref b1, ref b2, ref b3, w, p, 0);
                    AddPair(ref a0, ref a1, ref a2, ref a3, ref b0, ref b1, ref b2, ref b3, w, p, 2);
                    AddPair(ref a0, ref a1, ref a2, ref a3, ref b0, ref b1, ref b2, ref b3, w, p, 4);
                    AddPair(ref a0, ref a1, ref a2, ref a3, ref b0, ref b1, ref b2, ref b3, w, p, 6);
                    w += StepBytes;
                    p += 8;
                    steps--;
                } while (steps != 0);
                V s0 = S.Create(planes == 2 && plane == 0 ? 16 : 1), s1 = s0, s2 = s0, s3 = s0;
                if (grouped)
                {
                    float* scales = (float*)(panel + planes * Int4Block.ChunkBytes) + column;
                    s0 = S.Load(scales); s1 = S.Load(scales + S.Lanes); s2 = S.Load(scales + 2 * S.Lanes); s3 = S.Load(scales + 3 * S.Lanes);
                }
                t0 = S.Fma(S.Add(a0, b0), s0, t0);
                t1 = S.Fma(S.Add(a1, b1), s1, t1);
                t2 = S.Fma(S.Add(a2, b2), s2, t2);
                t3 = S.Fma(S.Add(a3, b3), s3, t3);
            }
        S.Store(sums + column, t0);
        S.Store(sums + column + S.Lanes, t1);
        S.Store(sums + column + 2 * S.Lanes, t2);
        S.Store(sums + column + 3 * S.Lanes, t3);
    }

    /// <summary>Adds the products of two elements, one kind of instruction after the other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddApart(ref V a0, ref V a1, ref V a2, ref V a3, ref V b0, ref V b1, ref V b2, ref V b3, V w0, V w1, V w2, V w3, V x, int i)
    {
        V m0 = S.Nibbles(w0, i), m1 = S.Nibbles(w1, i), m2 = S.Nibbles(w2, i), m3 = S.Nibbles(w3, i);
        V n0 = S.Nibbles(w0, i + 1), n1 = S.Nibbles(w1, i + 1), n2 = S.Nibbles(w2, i + 1), n3 = S.Nibbles(w3, i + 1);
        m0 = S.FromIntegers(m0); m1 = S.FromIntegers(m1); m2 = S.FromIntegers(m2); m3 = S.FromIntegers(m3);
        n0 = S.FromIntegers(n0); n1 = S.FromIntegers(n1); n2 = S.FromIntegers(n2); n3 = S.FromIntegers(n3);
        a0 = S.FmaElement(m0, x, i % 4, a0); a1 = S.FmaElement(m1, x, i % 4, a1);
        a2 = S.FmaElement(m2, x, i % 4, a2); a3 = S.FmaElement(m3, x, i % 4, a3);
        b0 = S.FmaElement(n0, x, i % 4 + 1, b0); b1 = S.FmaElement(n1, x, i % 4 + 1, b1);
        b2 = S.FmaElement(n2, x, i % 4 + 1, b2); b3 = S.FmaElement(n3, x, i % 4 + 1, b3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddPair(ref V a0, ref V a1, ref V a2, ref V a3, ref V b0, ref V b1, ref V b2, ref V b3, byte* w, float* x, int i)
    {
        int next = S.Lanes * 4;
        V v = S.Broadcast(x + i);
        a0 = Add(a0, w, v, i); a1 = Add(a1, w + next, v, i); a2 = Add(a2, w + 2 * next, v, i); a3 = Add(a3, w + 3 * next, v, i);
        v = S.Broadcast(x + i + 1);
        b0 = Add(b0, w, v, i + 1); b1 = Add(b1, w + next, v, i + 1); b2 = Add(b2, w + 2 * next, v, i + 1); b3 = Add(b3, w + 3 * next, v, i + 1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Add(V sum, byte* words, V x, int position) =>
        S.Fma(S.FromIntegers(S.Nibbles(S.Load((float*)words), position)), x, sum);
}
