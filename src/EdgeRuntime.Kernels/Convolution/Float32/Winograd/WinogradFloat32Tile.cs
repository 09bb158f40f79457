using System.Runtime.CompilerServices;

namespace EdgeRuntime.Kernels;

/// <summary>
/// The transforms of Winograd's F(2×2, 3×3) over vectors of channels (Lavin and Gray, arXiv:1509.09308):
/// <code>
///      1  0 −1  0            1  1  1  0            1   0   0
/// Bᵀ = 0  1  1  0       Aᵀ = 0  1 −1 −1       G = ½   ½   ½
///      0 −1  1  0                                  ½  −½   ½
///      0  1  0 −1                                  0   0   1
/// </code>
/// A 4×4 tile of the input and a 3×3 window become 16 numbers each, whose products become the 2×2 outputs.
/// </summary>
/// <typeparam name="S">The instruction set.</typeparam>
/// <typeparam name="V">Its register.</typeparam>
internal static unsafe class WinogradFloat32Tile<S, V> where S : struct, IFloatVector<V> where V : unmanaged
{
    /// <summary>V = Bᵀ·d·B of one 4×4 tile, channels by channels; with TEdge 1, elements outside of the image count as zero.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void TransformInput<TEdge>(float* tile, nint rowStep, nint channels, int y, int x, int height, int width, float* target, nint matrixStep) where TEdge : struct, ICount
    {
        for (nint c = 0; c < channels; c += S.Lanes)
        {
            float* d = tile + c, v = target + c;
            V d00 = Element<TEdge>(d, 0, 0, rowStep, channels, y, x, height, width);
            V d10 = Element<TEdge>(d, 1, 0, rowStep, channels, y, x, height, width);
            V d20 = Element<TEdge>(d, 2, 0, rowStep, channels, y, x, height, width);
            V d30 = Element<TEdge>(d, 3, 0, rowStep, channels, y, x, height, width);
            V t00 = S.Sub(d00, d20), t10 = S.Add(d10, d20), t20 = S.Sub(d20, d10), t30 = S.Sub(d10, d30);
            V d01 = Element<TEdge>(d, 0, 1, rowStep, channels, y, x, height, width);
            V d11 = Element<TEdge>(d, 1, 1, rowStep, channels, y, x, height, width);
            V d21 = Element<TEdge>(d, 2, 1, rowStep, channels, y, x, height, width);
            V d31 = Element<TEdge>(d, 3, 1, rowStep, channels, y, x, height, width);
            V t01 = S.Sub(d01, d21), t11 = S.Add(d11, d21), t21 = S.Sub(d21, d11), t31 = S.Sub(d11, d31);
            V d02 = Element<TEdge>(d, 0, 2, rowStep, channels, y, x, height, width);
            V d12 = Element<TEdge>(d, 1, 2, rowStep, channels, y, x, height, width);
            V d22 = Element<TEdge>(d, 2, 2, rowStep, channels, y, x, height, width);
            V d32 = Element<TEdge>(d, 3, 2, rowStep, channels, y, x, height, width);
            V t02 = S.Sub(d02, d22), t12 = S.Add(d12, d22), t22 = S.Sub(d22, d12), t32 = S.Sub(d12, d32);
            V d03 = Element<TEdge>(d, 0, 3, rowStep, channels, y, x, height, width);
            V d13 = Element<TEdge>(d, 1, 3, rowStep, channels, y, x, height, width);
            V d23 = Element<TEdge>(d, 2, 3, rowStep, channels, y, x, height, width);
            V d33 = Element<TEdge>(d, 3, 3, rowStep, channels, y, x, height, width);
            V t03 = S.Sub(d03, d23), t13 = S.Add(d13, d23), t23 = S.Sub(d23, d13), t33 = S.Sub(d13, d33);
            StoreRow(v, matrixStep, S.Sub(t00, t02), S.Add(t01, t02), S.Sub(t02, t01), S.Sub(t01, t03));
            StoreRow(v + 4 * matrixStep, matrixStep, S.Sub(t10, t12), S.Add(t11, t12), S.Sub(t12, t11), S.Sub(t11, t13));
            StoreRow(v + 8 * matrixStep, matrixStep, S.Sub(t20, t22), S.Add(t21, t22), S.Sub(t22, t21), S.Sub(t21, t23));
            StoreRow(v + 12 * matrixStep, matrixStep, S.Sub(t30, t32), S.Add(t31, t32), S.Sub(t32, t31), S.Sub(t31, t33));
        }
    }

    /// <summary>y = clamp(Aᵀ·m·A + bias) of one 2×2 tile; rows and columns say how much of it lies in the image.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void TransformOutput(float* source, nint matrixStep, float* bias, float* target, nint rowStep, nint channels, int rows, int columns, float min, float max)
    {
        V low = S.Create(min), high = S.Create(max);
        for (nint c = 0; c < channels; c += S.Lanes)
        {
            float* m = source + c, y = target + c;
            V m10 = S.Load(m + 4 * matrixStep), m20 = S.Load(m + 8 * matrixStep);
            V s00 = S.Add(S.Add(S.Load(m), m10), m20), s10 = S.Sub(S.Sub(m10, m20), S.Load(m + 12 * matrixStep));
            V m11 = S.Load(m + 5 * matrixStep), m21 = S.Load(m + 9 * matrixStep);
            V s01 = S.Add(S.Add(S.Load(m + 1 * matrixStep), m11), m21), s11 = S.Sub(S.Sub(m11, m21), S.Load(m + 13 * matrixStep));
            V m12 = S.Load(m + 6 * matrixStep), m22 = S.Load(m + 10 * matrixStep);
            V s02 = S.Add(S.Add(S.Load(m + 2 * matrixStep), m12), m22), s12 = S.Sub(S.Sub(m12, m22), S.Load(m + 14 * matrixStep));
            V m13 = S.Load(m + 7 * matrixStep), m23 = S.Load(m + 11 * matrixStep);
            V s03 = S.Add(S.Add(S.Load(m + 3 * matrixStep), m13), m23), s13 = S.Sub(S.Sub(m13, m23), S.Load(m + 15 * matrixStep));
            V b = S.Load(bias + c);
            S.Store(y, S.Clamp(S.Add(S.Add(S.Add(s00, s01), s02), b), low, high));
            if (columns > 1) S.Store(y + channels, S.Clamp(S.Add(S.Sub(S.Sub(s01, s02), s03), b), low, high));
            if (rows < 2) continue;
            S.Store(y + rowStep, S.Clamp(S.Add(S.Add(S.Add(s10, s11), s12), b), low, high));
            if (columns > 1) S.Store(y + rowStep + channels, S.Clamp(S.Add(S.Sub(S.Sub(s11, s12), s13), b), low, high));
        }
    }

    /// <summary>U = G·g·Gᵀ of one 3×3 window, in double precision.</summary>
    public static void TransformWeights(ReadOnlySpan<float> g, int step, Span<double> u)
    {
        Span<double> t = stackalloc double[12];
        for (int j = 0; j < 3; j++)
        {
            double a = g[j * step], b = g[(3 + j) * step], c = g[(6 + j) * step];
            (t[j], t[3 + j], t[6 + j], t[9 + j]) = (a, (a + b + c) / 2, (a - b + c) / 2, c);
        }
        for (int i = 0; i < 4; i++)
        {
            double a = t[3 * i], b = t[3 * i + 1], c = t[3 * i + 2];
            (u[4 * i], u[4 * i + 1], u[4 * i + 2], u[4 * i + 3]) = (a, (a + b + c) / 2, (a - b + c) / 2, c);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Element<TEdge>(float* d, int i, int j, nint rowStep, nint channels, int y, int x, int height, int width) where TEdge : struct, ICount =>
        TEdge.Value == 0 || ((uint)(y + i) < (uint)height && (uint)(x + j) < (uint)width) ? S.Load(d + i * rowStep + j * channels) : default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreRow(float* v, nint step, V a, V b, V c, V d)
    {
        S.Store(v, a);
        S.Store(v + step, b);
        S.Store(v + 2 * step, c);
        S.Store(v + 3 * step, d);
    }
}
