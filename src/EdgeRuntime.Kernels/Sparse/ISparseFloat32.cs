namespace EdgeRuntime.Kernels;

/// <summary>What <see cref="SparseFloat32{S, V, T}"/> asks of an instruction set beside the operations on its vectors.</summary>
internal unsafe interface ISparseFloat32
{
    /// <summary>The instruction set's name in kernel ids.</summary>
    static abstract string Name { get; }

    /// <summary>What it needs.</summary>
    static abstract CpuFeature Requires { get; }

    /// <summary>Vectors of positions whose sums are in registers at once, for units of so many output channels (1 or 4).</summary>
    static abstract int Vectors(int rows);

    /// <summary>What units of so many output channels take.</summary>
    static abstract SparseCost Cost(int rows);

    /// <summary>Transposes squares of a vector's lanes on each side; the next one lies so many floats further.</summary>
    static abstract void Transpose(float* x, float* y, nint stepX, nint stepY, nint nextX, nint nextY, int squares);
}
