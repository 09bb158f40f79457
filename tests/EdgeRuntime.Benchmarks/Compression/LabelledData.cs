using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using EdgeRuntime.Training;

namespace EdgeRuntime.Benchmarks;

/// <summary>Samples of one shape with class numbers.</summary>
/// <param name="Shape">Shape of one sample.</param>
/// <param name="Samples">All samples, one after the other.</param>
/// <param name="Labels">A class for each.</param>
internal sealed record LabelledData(int[] Shape, float[] Samples, int[] Labels)
{
    /// <summary>Floats of a sample.</summary>
    public int Length => Samples.Length / Labels.Length;

    /// <summary>As the trainer takes it.</summary>
    public Dataset Dataset => new(Samples, Labels, Length);

    /// <summary>The first <paramref name="count"/> samples, or all.</summary>
    public LabelledData Take(int count) => count >= Labels.Length ? this : this with { Samples = Samples[..(count * Length)], Labels = Labels[..count] };

    /// <summary>Writes NAME.npy and NAME-labels.npy.</summary>
    public void Save(string path)
    {
        NumpyFile.Save(path + ".npy", Tensor.From<float>(new TensorShape([Labels.Length, .. Shape]), Samples));
        NumpyFile.Save(path + "-labels.npy", Tensor.Vector<int>(Labels));
    }

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    public static LabelledData Load(string path)
    {
        Tensor samples = NumpyFile.Load(path + ".npy");
        return new([.. samples.Shape.Dimensions[1..]], samples.ToFloats(), NumpyFile.Load(path + "-labels.npy").ToInts());
    }

    /// <summary>In random order.</summary>
    public LabelledData Shuffle(int seed)
    {
        int[] order = [.. Enumerable.Range(0, Labels.Length)];
        new RandomSource((ulong)seed).Shuffle(order.AsSpan());
        return this with { Samples = [.. order.SelectMany(i => Samples[(i * Length)..((i + 1) * Length)])], Labels = [.. order.Select(i => Labels[i])] };
    }
}
