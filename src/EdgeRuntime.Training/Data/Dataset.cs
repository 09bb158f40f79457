namespace EdgeRuntime.Training;

/// <summary>Samples in memory, each some floats with a class number.</summary>
public sealed class Dataset
{
    /// <summary>Wraps data without a copy.</summary>
    /// <param name="samples">All samples, one after the other, <paramref name="sampleLength"/> floats each.</param>
    /// <param name="labels">A class for each; empty where there are none.</param>
    /// <param name="sampleLength">Floats of a sample.</param>
    /// <exception cref="ArgumentException">The lengths don't fit each other.</exception>
    public Dataset(ReadOnlyMemory<float> samples, ReadOnlyMemory<int> labels, int sampleLength)
    {
        if (sampleLength < 1 || samples.Length % sampleLength != 0 || (labels.Length != 0 && labels.Length != samples.Length / sampleLength))
            throw new ArgumentException($"{samples.Length} floats, {labels.Length} labels and samples of {sampleLength} don't fit");
        Samples = samples;
        Labels = labels;
        SampleLength = sampleLength;
    }

    /// <summary>All samples.</summary>
    public ReadOnlyMemory<float> Samples { get; }

    /// <summary>Their classes, or none.</summary>
    public ReadOnlyMemory<int> Labels { get; }

    /// <summary>Floats of a sample.</summary>
    public int SampleLength { get; }

    /// <summary>Number of samples.</summary>
    public int Count => Samples.Length / SampleLength;

    /// <summary>Sample <paramref name="index"/>.</summary>
    public ReadOnlySpan<float> this[int index] => Samples.Span.Slice(index * SampleLength, SampleLength);
}
