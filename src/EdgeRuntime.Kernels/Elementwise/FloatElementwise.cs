using System.Runtime.CompilerServices;

namespace EdgeRuntime.Kernels;

/// <summary>A float operator of two vectors.</summary>
internal interface IFloatBinary
{
    static abstract V Apply<S, V>(V a, V b) where S : struct, IFloatVector<V> where V : unmanaged;
}

/// <summary>A float operator of one vector.</summary>
internal interface IFloatUnary
{
    static abstract V Apply<S, V>(V x) where S : struct, IFloatVector<V> where V : unmanaged;
}

/// <summary>
/// The float operators of <see cref="ElementwiseKernel"/>, once for all vector widths. Full vectors first, then one partial
/// one; each element is read before it is written, so that an output may be one of the inputs. NaN passes through clamps and
/// maxima as in the reference; only the sign of a zero that a clamp at zero returns is left open.
/// </summary>
/// <typeparam name="S">The instruction set.</typeparam>
/// <typeparam name="V">Its register.</typeparam>
internal static unsafe class FloatElementwise<S, V> where S : struct, IFloatVector<V> where V : unmanaged
{
    /// <summary>clamp(a ∘ b); a step of 0 repeats the operand's single element.</summary>
    public static void Binary<TOperator>(float* a, int stepA, float* b, int stepB, float* y, long count, float min, float max) where TOperator : struct, IFloatBinary
    {
        float* repeated = stackalloc float[2 * S.Lanes];
        if (stepA == 0 && count > 0) { S.Store(repeated, S.Broadcast(a)); a = repeated; }
        if (stepB == 0 && count > 0) { S.Store(repeated + S.Lanes, S.Broadcast(b)); b = repeated + S.Lanes; }
        V low = S.Create(min), high = S.Create(max);
        for (; count >= S.Lanes; count -= S.Lanes, a += stepA * S.Lanes, b += stepB * S.Lanes, y += S.Lanes)
            S.Store(y, S.Clamp(TOperator.Apply<S, V>(S.Load(a), S.Load(b)), low, high));
        if (count > 0)
            S.StoreFirst(y, S.Clamp(TOperator.Apply<S, V>(S.LoadFirst(a, (int)count), S.LoadFirst(b, (int)count)), low, high), (int)count);
    }

    /// <summary>f(x).</summary>
    public static void Unary<TOperator>(float* x, float* y, long count) where TOperator : struct, IFloatUnary
    {
        for (; count >= S.Lanes; count -= S.Lanes, x += S.Lanes, y += S.Lanes) S.Store(y, TOperator.Apply<S, V>(S.Load(x)));
        if (count > 0) S.StoreFirst(y, TOperator.Apply<S, V>(S.LoadFirst(x, (int)count)), (int)count);
    }

    /// <summary>clamp(x).</summary>
    public static void Clip(float* x, float* y, long count, float min, float max)
    {
        V low = S.Create(min), high = S.Create(max);
        for (; count >= S.Lanes; count -= S.Lanes, x += S.Lanes, y += S.Lanes) S.Store(y, S.Clamp(S.Load(x), low, high));
        if (count > 0) S.StoreFirst(y, S.Clamp(S.LoadFirst(x, (int)count), low, high), (int)count);
    }

    /// <summary>max(x, 0) + alpha · min(x, 0).</summary>
    public static void LeakyRelu(float* x, float* y, long count, float alpha)
    {
        V slope = S.Create(alpha);
        for (; count >= S.Lanes; count -= S.Lanes, x += S.Lanes, y += S.Lanes) S.Store(y, Leak(S.Load(x), slope));
        if (count > 0) S.StoreFirst(y, Leak(S.LoadFirst(x, (int)count), slope), (int)count);
    }

    /// <summary>scale · x.</summary>
    public static void Multiply(float* x, long count, float scale)
    {
        V factor = S.Create(scale);
        for (; count >= S.Lanes; count -= S.Lanes, x += S.Lanes) S.Store(x, S.Mul(S.Load(x), factor));
        if (count > 0) S.StoreFirst(x, S.Mul(S.LoadFirst(x, (int)count), factor), (int)count);
    }

    /// <summary>scale · Σ taps, in the order of the taps; four vectors at a time, lest the additions wait for each other.</summary>
    public static void Average(float** taps, int count, int channels, float* y, float scale)
    {
        V factor = S.Create(scale);
        int c = 0;
        for (; c + 4 * S.Lanes <= channels; c += 4 * S.Lanes)
        {
            V s0 = default, s1 = default, s2 = default, s3 = default;
            for (int t = 0; t < count; t++)
            {
                float* x = taps[t] + c;
                s0 = S.Add(s0, S.Load(x));
                s1 = S.Add(s1, S.Load(x + S.Lanes));
                s2 = S.Add(s2, S.Load(x + 2 * S.Lanes));
                s3 = S.Add(s3, S.Load(x + 3 * S.Lanes));
            }
            S.Store(y + c, S.Mul(s0, factor));
            S.Store(y + c + S.Lanes, S.Mul(s1, factor));
            S.Store(y + c + 2 * S.Lanes, S.Mul(s2, factor));
            S.Store(y + c + 3 * S.Lanes, S.Mul(s3, factor));
        }
        for (; c < channels; c += S.Lanes)
        {
            int lanes = Math.Min(S.Lanes, channels - c);
            V sum = default;
            if (lanes == S.Lanes)
            {
                for (int t = 0; t < count; t++) sum = S.Add(sum, S.Load(taps[t] + c));
                S.Store(y + c, S.Mul(sum, factor));
                continue;
            }
            for (int t = 0; t < count; t++) sum = S.Add(sum, S.LoadFirst(taps[t] + c, lanes));
            S.StoreFirst(y + c, S.Mul(sum, factor), lanes);
        }
    }

    /// <summary>Maximum over taps.</summary>
    public static void Max(float** taps, int count, int channels, float* y)
    {
        for (int c = 0; c < channels; c += S.Lanes)
        {
            int lanes = Math.Min(S.Lanes, channels - c);
            if (lanes == S.Lanes)
            {
                V largest = S.Load(taps[0] + c);
                for (int t = 1; t < count; t++) largest = S.Max(largest, S.Load(taps[t] + c));
                S.Store(y + c, largest);
                continue;
            }
            V last = S.LoadFirst(taps[0] + c, lanes);
            for (int t = 1; t < count; t++) last = S.Max(last, S.LoadFirst(taps[t] + c, lanes));
            S.StoreFirst(y + c, last, lanes);
        }
    }

    /// <summary>exp(beta · (x − max)) / Σ.</summary>
    public static void Softmax(float* x, float* y, int count, float beta)
    {
        int i = 0;
        float max = float.NegativeInfinity, sum = 0;
        if (count >= S.Lanes)
        {
            V most = S.Load(x);
            for (i = S.Lanes; i + S.Lanes <= count; i += S.Lanes) most = S.Max(most, S.Load(x + i));
            float* lanes = stackalloc float[S.Lanes];
            S.Store(lanes, most);
            for (int j = 0; j < S.Lanes; j++) max = Math.Max(max, lanes[j]);
        }
        for (; i < count; i++) max = Math.Max(max, x[i]);
        V shift = S.Create(max), factor = S.Create(beta), sums = default;
        for (i = 0; i + S.Lanes <= count; i += S.Lanes)
        {
            V e = Exp(S.Mul(factor, S.Sub(S.Load(x + i), shift)));
            S.Store(y + i, e);
            sums = S.Add(sums, e);
        }
        if (i < count)
        {
            S.StoreFirst(y + i, Exp(S.Mul(factor, S.Sub(S.LoadFirst(x + i, count - i), shift))), count - i);
            for (; i < count; i++) sum += y[i];
        }
        Multiply(y, count, 1 / (S.Sum(sums) + sum));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Leak(V x, V slope) => S.Fma(S.AtMost(x, default), slope, S.AtLeast(x, default));

    /// <summary>
    /// e^x for x ≤ 88, and e^88 above; 0 below −87.3, where floats end. With n = round(x / ln 2) and r = x − n·ln 2, |r| ≤ 0.347:
    /// e^x = 2^n · (1 + r + r²/2 + … + r⁶/720), whose remainder is below 1.3·10^-7. ln 2 is split, so that n · (its upper part) is exact.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Exp(V x)
    {
        V bounded = S.Clamp(x, S.Create(-87.3f), S.Create(88f));
        V n = S.Round(S.Mul(bounded, S.Create(1.44269504f)));
        V r = S.Fma(n, S.Create(2.12194440e-4f), S.Fma(n, S.Create(-0.693359375f), bounded));
        V p = S.Fma(r, S.Create(1f / 720), S.Create(1f / 120));
        p = S.Fma(p, r, S.Create(1f / 24));
        p = S.Fma(p, r, S.Create(1f / 6));
        p = S.Fma(p, r, S.Create(0.5f));
        p = S.Fma(p, r, S.Create(1f));
        p = S.Fma(p, r, S.Create(1f));
        return S.ZeroBelow(S.Scale(p, n), x, S.Create(-87.3f));
    }
}

internal readonly struct FloatAdd : IFloatBinary
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<S, V>(V a, V b) where S : struct, IFloatVector<V> where V : unmanaged => S.Add(a, b);
}

internal readonly struct FloatSub : IFloatBinary
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<S, V>(V a, V b) where S : struct, IFloatVector<V> where V : unmanaged => S.Sub(a, b);
}

internal readonly struct FloatMul : IFloatBinary
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<S, V>(V a, V b) where S : struct, IFloatVector<V> where V : unmanaged => S.Mul(a, b);
}

internal readonly struct FloatDiv : IFloatBinary
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<S, V>(V a, V b) where S : struct, IFloatVector<V> where V : unmanaged => S.Div(a, b);
}

internal readonly struct FloatMaximum : IFloatBinary
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<S, V>(V a, V b) where S : struct, IFloatVector<V> where V : unmanaged => S.Max(a, b);
}

internal readonly struct FloatMinimum : IFloatBinary
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<S, V>(V a, V b) where S : struct, IFloatVector<V> where V : unmanaged => S.Sub(default, S.Max(S.Sub(default, a), S.Sub(default, b)));
}

internal readonly struct FloatAbs : IFloatUnary
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<S, V>(V x) where S : struct, IFloatVector<V> where V : unmanaged => S.Max(x, S.Sub(default, x));
}

internal readonly struct FloatExp : IFloatUnary
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<S, V>(V x) where S : struct, IFloatVector<V> where V : unmanaged => FloatElementwise<S, V>.Exp(x);
}

/// <summary>x · clamp(x / 6 + ½, 0, 1).</summary>
internal readonly struct FloatHardSwish : IFloatUnary
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<S, V>(V x) where S : struct, IFloatVector<V> where V : unmanaged =>
        S.Mul(x, S.Clamp(S.Add(S.Mul(x, S.Create(1 / 6f)), S.Create(0.5f)), default, S.Create(1f)));
}

/// <summary>1 / (1 + e^−x).</summary>
internal readonly struct FloatSigmoid : IFloatUnary
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<S, V>(V x) where S : struct, IFloatVector<V> where V : unmanaged =>
        S.Div(S.Create(1f), S.Add(S.Create(1f), FloatElementwise<S, V>.Exp(S.Sub(default, x))));
}

/// <summary>1 − 2 / (e^2x + 1): the absolute error stays near 10^-7, the relative one grows towards 0.</summary>
internal readonly struct FloatTanh : IFloatUnary
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<S, V>(V x) where S : struct, IFloatVector<V> where V : unmanaged =>
        S.Sub(S.Create(1f), S.Div(S.Create(2f), S.Add(S.Create(1f), FloatElementwise<S, V>.Exp(S.Add(x, x)))));
}
