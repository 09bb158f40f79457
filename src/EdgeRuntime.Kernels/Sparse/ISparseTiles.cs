namespace EdgeRuntime.Kernels;

/// <summary>A worker's part of a sparse layer, for <see cref="SparsePlan.Run"/>.</summary>
internal interface ISparseTiles
{
    /// <summary>Brings the windows of <paramref name="count"/> positions to the panel; positions beyond are whatever was there.</summary>
    void MakePanel(int position, int count);

    /// <summary>Computes some channels of the panel's positions.</summary>
    void Compute(int position, int count, int channel, int channels);
}
