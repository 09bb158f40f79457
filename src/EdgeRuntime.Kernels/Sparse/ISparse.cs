namespace EdgeRuntime.Kernels;

/// <summary>What every sparse kernel with positions in the lanes says of its instruction set.</summary>
internal unsafe interface ISparse
{
    /// <summary>The instruction set's name in kernel ids.</summary>
    static abstract string Name { get; }

    /// <summary>What it needs.</summary>
    static abstract CpuFeature Requires { get; }

    /// <summary>Positions in a vector.</summary>
    static abstract int Lanes { get; }

    /// <summary>Depth of a step.</summary>
    static abstract int Step { get; }

    /// <summary>Vectors of positions whose sums are in registers at once, for units of so many output channels (1 or 4).</summary>
    static abstract int Vectors(int rows);

    /// <summary>What units of so many output channels take.</summary>
    static abstract SparseCost Cost(int rows);

    /// <summary>Squares of words, as large as those of 32 bits in a register, transposed in plain order; the next one lies so many words further.</summary>
    static abstract void Transpose(int* x, int* y, nint stepX, nint stepY, nint nextX, nint nextY, int squares);
}
