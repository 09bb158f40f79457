namespace EdgeRuntime.Kernels;

/// <summary>
/// Tiles of a float convolution as a matrix product, one below the other: rows are output positions, columns output channels. The depth of a
/// row is made of equal segments, contiguous in memory: segment (o, i) of row r is Rows[r][OuterStep·o + InnerStep·i + k]
/// for k in [0, Length). All steps count floats.
/// </summary>
internal unsafe struct GemmFloat32Task
{
    /// <summary>First element of each row of all tiles.</summary>
    public float** Rows;

    /// <summary>Number of tiles.</summary>
    public int Tiles;

    /// <summary>One panel of columns: the biases, then depth × columns of weights, depth outermost.</summary>
    public float* Panel;

    /// <summary>First output, and the distance between its rows.</summary>
    public float* Output;

    /// <summary>Distance between output rows.</summary>
    public nint OutputStep;

    /// <summary>The segments.</summary>
    public nint OuterCount, OuterStep, InnerCount, InnerStep, Length;

    /// <summary>The fused clamp.</summary>
    public float Min, Max;
}
