using System.Runtime.CompilerServices;

namespace EdgeRuntime.Kernels;

/// <summary>The copy of an input with padded borders, [N, top+H+bottom, left+W+right, C].</summary>
internal static unsafe class PaddedInput
{
    /// <summary>Rows over the whole batch.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Rows(in ConvolutionShape s) => s.Batch * (s.Height + s.PadTop + s.PadBottom);

    /// <summary>Elements of a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Pitch(in ConvolutionShape s) => (s.Width + s.PadLeft + s.PadRight) * s.Channels;

    /// <summary>Writes rows [<paramref name="first"/>, <paramref name="end"/>).</summary>
    public static void Copy<T>(in ConvolutionShape s, T* input, T* copy, T padding, int first, int end) where T : unmanaged
    {
        int left = s.PadLeft * s.Channels, middle = s.Width * s.Channels, pitch = Pitch(s), height = s.Height + s.PadTop + s.PadBottom;
        for (int row = first; row < end; row++)
        {
            int n = row / height, y = row % height - s.PadTop;
            var target = new Span<T>(copy + (long)row * pitch, pitch);
            if ((uint)y >= (uint)s.Height) { target.Fill(padding); continue; }
            target[..left].Fill(padding);
            new ReadOnlySpan<T>(input + ((long)n * s.Height + y) * middle, middle).CopyTo(target[left..]);
            target[(left + middle)..].Fill(padding);
        }
    }
}
