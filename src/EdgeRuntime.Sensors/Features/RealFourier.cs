namespace EdgeRuntime.Sensors;

/// <summary>
/// The power spectrum of real samples: N samples as N/2 complex ones, transformed by Cooley and Tukey's algorithm (1965) with
/// radix 2, then taken apart. Plans once, allocates nothing afterwards; one thread at a time.
/// </summary>
internal sealed class RealFourier
{
    private readonly float[] _real, _imaginary, _cosine, _sine;
    private readonly int[] _reversed;

    /// <summary>Plans transforms of <paramref name="points"/> samples, a power of two of at least 4.</summary>
    public RealFourier(int points)
    {
        int half = points / 2, bits = System.Numerics.BitOperations.Log2((uint)half);
        (_real, _imaginary) = (new float[half], new float[half]);
        _reversed = new int[half];
        for (int i = 1; i < half; i++) _reversed[i] = _reversed[i >> 1] >> 1 | (i & 1) << (bits - 1);
        // e^(−2πik/N) for k < N/2; the complex transform of N/2 points takes every second one.
        _cosine = [.. Enumerable.Range(0, half).Select(k => (float)Math.Cos(2 * Math.PI * k / points))];
        _sine = [.. Enumerable.Range(0, half).Select(k => (float)-Math.Sin(2 * Math.PI * k / points))];
    }

    /// <summary>Writes |X[k]|² for k = 0 … N/2.</summary>
    public void Power(ReadOnlySpan<float> samples, Span<float> power)
    {
        int half = _real.Length;
        for (int i = 0; i < half; i++) (_real[_reversed[i]], _imaginary[_reversed[i]]) = (samples[2 * i], samples[2 * i + 1]);
        Transform();
        // With E and O the transforms of the even and the odd samples, Z = E + iO and X[k] = E[k] + w^k O[k].
        for (int k = 0; k <= half; k++)
        {
            int a = k % half, b = (half - k) % half;
            float evenReal = (_real[a] + _real[b]) / 2, evenImaginary = (_imaginary[a] - _imaginary[b]) / 2;
            float oddReal = (_imaginary[a] + _imaginary[b]) / 2, oddImaginary = (_real[b] - _real[a]) / 2;
            float c = k == half ? -1 : _cosine[k], s = k == half ? 0 : _sine[k];
            float real = evenReal + c * oddReal - s * oddImaginary, imaginary = evenImaginary + c * oddImaginary + s * oddReal;
            power[k] = real * real + imaginary * imaginary;
        }
    }

    private void Transform()
    {
        int half = _real.Length;
        for (int size = 2; size <= half; size *= 2)
            for (int start = 0; start < half; start += size)
                for (int j = 0; j < size / 2; j++)
                {
                    int a = start + j, b = a + size / 2, k = j * (2 * half / size);
                    float real = _cosine[k] * _real[b] - _sine[k] * _imaginary[b], imaginary = _cosine[k] * _imaginary[b] + _sine[k] * _real[b];
                    (_real[b], _imaginary[b]) = (_real[a] - real, _imaginary[a] - imaginary);
                    (_real[a], _imaginary[a]) = (_real[a] + real, _imaginary[a] + imaginary);
                }
    }
}
