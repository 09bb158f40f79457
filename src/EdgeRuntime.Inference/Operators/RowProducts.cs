using EdgeRuntime.Tensors;

namespace EdgeRuntime.Inference;

/// <summary>Products one after another: one, or two where the weights come in factors.</summary>
internal sealed unsafe class RowProducts(params RowProduct[] products) : IDisposable
{
    public int Stages { get; } = products.Sum(p => p.Stages);

    /// <summary>Estimated cycles on one worker.</summary>
    public double Cycles { get; } = products.Sum(p => p.Cycles);

    /// <summary>Bytes of scratch that the products need in turn.</summary>
    public long ScratchBytes { get; } = products.Max(p => p.ScratchBytes);

    public long WeightBytes => products.Sum(p => p.WeightBytes);

    /// <summary>Bytes of all results.</summary>
    public long OutputBytes => products.Sum(p => NativeBuffer.Align(p.OutputBytes));

    /// <summary>The last product's kernel.</summary>
    public string KernelId => products[^1].KernelId;

    /// <summary>Learns where input and scratch lie, and where to write all results; returns where the last one is.</summary>
    public float* Bind(float* input, byte* scratch, byte* results)
    {
        foreach (RowProduct p in products)
        {
            p.Bind(input, (float*)results, scratch);
            input = (float*)results;
            results += NativeBuffer.Align(p.OutputBytes);
        }
        return input;
    }

    public int Portions(int stage) => At(ref stage).Portions(stage);

    public void Run(int stage, int first, int end, int worker) => At(ref stage).Run(stage, first, end, worker);

    public void Dispose()
    {
        foreach (RowProduct p in products) p.Dispose();
    }

    private RowProduct At(ref int stage)
    {
        int i = 0;
        while (stage >= products[i].Stages) stage -= products[i++].Stages;
        return products[i];
    }
}
