namespace EdgeRuntime.Kernels;

/// <summary>Chooses the instance of <see cref="ConvolutionInt8Accumulate{TDot, TVector, TSink, TRows, TVectors}"/> for a tile's size.</summary>
internal static unsafe class ConvolutionInt8TileProduct<TDot, TVector, TSink>
    where TDot : struct, IInt8Dot<TVector>
    where TSink : struct, IInt8Sink<TVector>
    where TVector : unmanaged
{
    /// <summary>Computes the tile's sums.</summary>
    public static void Run(in ConvolutionInt8Tile tile)
    {
        switch (tile.PaddedColumns * sizeof(int) / sizeof(TVector))
        {
            case 1: Run<N1>(tile); break;
            case 2: Run<N2>(tile); break;
            case 3 when TDot.Vectors > 2: Run<N3>(tile); break;
            default:
                if (TDot.Vectors > 2) Run<N4>(tile);
                break;
        }
    }

    private static void Run<TVectors>(in ConvolutionInt8Tile tile) where TVectors : struct, ICount
    {
        switch (tile.Rows)
        {
            case 1: ConvolutionInt8Accumulate<TDot, TVector, TSink, N1, TVectors>.Run(tile); break;
            case 2: ConvolutionInt8Accumulate<TDot, TVector, TSink, N2, TVectors>.Run(tile); break;
            case 3: ConvolutionInt8Accumulate<TDot, TVector, TSink, N3, TVectors>.Run(tile); break;
            case 4: ConvolutionInt8Accumulate<TDot, TVector, TSink, N4, TVectors>.Run(tile); break;
            case 5: ConvolutionInt8Accumulate<TDot, TVector, TSink, N5, TVectors>.Run(tile); break;
            default: ConvolutionInt8Accumulate<TDot, TVector, TSink, N6, TVectors>.Run(tile); break;
        }
    }
}
