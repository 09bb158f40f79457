namespace EdgeRuntime.Kernels;

/// <summary>The definition, with sums in double.</summary>
internal sealed unsafe class NibbleLinearReference : NibbleLinearKernel
{
    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } = new("linear-f32s4-reference", "linear-f32s4", CpuFeature.None, "plain loops over float rows and nibble weights");

    /// <inheritdoc/>
    public override double EstimateCycles(in NibbleLinearShape shape) => 8.0 * shape.Rows * shape.Inputs * shape.Outputs;

    internal override void Multiply(in NibbleLinearShape shape, byte* panel, float* x, float* starts, float* sums)
    {
        for (int column = 0; column < Int4Block.Columns; column++)
        {
            double total = 0;
            byte* chunk = panel;
            for (int i = 0; i < shape.Chunks; i++, chunk += shape.ChunkBytes)
            {
                double sum = starts[i], low = 0;
                for (int k = 0; k < Int4Block.Chunk; k++)
                {
                    int index = Index(k, column);
                    double power = k % 8 == 7 ? 1 : 1 << (4 * (k % 8));
                    sum += x[i * Int4Block.Chunk + k] * power * (chunk[index / 2] >> (index % 2 * 4) & 15);
                    if (shape.Bits == 8) low += x[i * Int4Block.Chunk + k] * power * (chunk[Int4Block.ChunkBytes + index / 2] >> (index % 2 * 4) & 15);
                }
                if (shape.Bits == 8) sum = 16 * sum + low;
                total += shape.Group == 0 ? sum : sum * ((float*)(chunk + Int4Block.ChunkBytes * (shape.Bits / 4)))[column];
            }
            sums[column] = (float)total;
        }
    }
}
