namespace EdgeRuntime.Tensors;

/// <summary>Functions that tables of 8-bit operators are made of: the same numbers on every processor, at inference and in training.</summary>
public static class QuantizedFunctions
{
    /// <summary>1 / (1 + exp −x).</summary>
    public static float Sigmoid(float x) => (float)(1 / (1 + Math.Exp(-x)));

    /// <summary>tanh x.</summary>
    public static float Tanh(float x) => (float)Math.Tanh(x);

    /// <summary>e^x.</summary>
    public static float Exp(float x) => (float)Math.Exp(x);

    /// <summary>ln x.</summary>
    public static float Log(float x) => (float)Math.Log(x);

    /// <summary>x · min(max(x / 6 + ½, 0), 1).</summary>
    public static float HardSwish(float x) => x * Math.Min(Math.Max(x * (1 / 6f) + 0.5f, 0), 1);
}
