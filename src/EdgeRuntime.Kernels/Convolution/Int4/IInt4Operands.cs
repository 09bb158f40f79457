namespace EdgeRuntime.Kernels;

/// <summary>What a way to multiply nibbles on int32 lanes wants and costs, however it is written.</summary>
public interface IInt4Operands
{
    /// <summary>The instruction set's name in kernel ids.</summary>
    static abstract string Name { get; }

    /// <summary>What it needs.</summary>
    static abstract CpuFeature Requires { get; }

    /// <summary>Products per cycle of one row or of many, and cycles to finish a row's panel; fitted to a Zen 3 for AVX2, to a Zen 4 for AVX-512 VNNI, else counted.</summary>
    static abstract (double PerCycle, double Finish) Cost(bool isRow);

    /// <summary>Requantises a tile of totals, the biases not yet added.</summary>
    static abstract void Requantize(in ConvolutionInt8Tile tile, in ConvolutionInt8Call call);
}
