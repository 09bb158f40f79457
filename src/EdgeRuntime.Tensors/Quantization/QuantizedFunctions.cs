namespace EdgeRuntime.Tensors;

/// <summary>Functions that tables of 8-bit operators are made of: the same numbers on every processor, at inference and in training.</summary>
public static class QuantizedFunctions
{
    /// <summary>1 / (1 + exp −x).</summary>
    public static float Sigmoid(float x) => (float)(1 / (1 + Math.Exp(-x)));

    /// <summary>tanh x.</summary>
    public static float Tanh(float x) => (float)Math.Tanh(x);
}
