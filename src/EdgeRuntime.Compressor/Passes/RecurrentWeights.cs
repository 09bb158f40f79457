using EdgeRuntime.Model;

namespace EdgeRuntime.Compressor;

/// <summary>The constant weights of recurrent layers as floats.</summary>
internal static class RecurrentWeights
{
    /// <summary>W or R, multiplied out where it comes in factors.</summary>
    public static float[] Whole(Node node, int first, int second, RecurrentShape s, int rank, int length)
    {
        float[] w = Floats(node, node.Input(first));
        if (rank == 0) return w;
        float[] factor = Floats(node, node.Input(second)), whole = new float[s.Rows * length];
        for (int row = 0; row < s.Rows; row++)
            for (int k = 0; k < rank; k++)
            {
                int from = (row / (s.Gates * s.HiddenSize) * rank + k) * length;
                for (int i = 0; i < length; i++) whole[row * length + i] += w[row * rank + k] * factor[from + i];
            }
        return whole;
    }

    /// <summary>The floats of a constant.</summary>
    /// <exception cref="ModelException">It is none, or not float.</exception>
    public static float[] Floats(Node node, ValueInfo value) => value is { Constant: { } constant, Quantization: null } ? constant.ToFloats()
        : throw new ModelException(ModelErrorKind.Unsupported, node.ToString(), $"{value} is no float constant");
}
