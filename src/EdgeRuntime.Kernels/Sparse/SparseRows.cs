namespace EdgeRuntime.Kernels;

/// <summary>Rows of units that a sparse tile multiplies, one for each output channel or for four.</summary>
internal unsafe struct SparseRows
{
    /// <summary>The layer's units.</summary>
    public byte* Units;

    /// <summary>The number of each row's first unit; behind the last row's the end.</summary>
    public int* Starts;

    /// <summary>What the sums start from, one for each channel: int32 or float.</summary>
    public int* Bias;

    /// <summary>Output channels.</summary>
    public int Channels;

    /// <summary>Words from one channel's sums to the next one's.</summary>
    public nint Pitch;

    /// <summary>The clamp of float sums.</summary>
    public float Min, Max;
}
