namespace EdgeRuntime.Kernels;

/// <summary>What float convolution kernels of all instruction sets share: the size of the zero-padded copy.</summary>
internal static class Float32Padding
{
    /// <summary>Bytes of the padded copy; 0 where nothing is padded.</summary>
    public static long Bytes(in ConvolutionShape s) => s.IsPadded ? (long)PaddedInput.Rows(s) * PaddedInput.Pitch(s) * sizeof(float) : 0;
}
