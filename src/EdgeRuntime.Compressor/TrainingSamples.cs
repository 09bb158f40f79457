using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using EdgeRuntime.Training;

namespace EdgeRuntime.Compressor;

/// <summary>Labelled samples for passes that train: one input, a class number each.</summary>
/// <param name="Data">What is learned from.</param>
/// <param name="Validation">What chooses the best epoch; null for none.</param>
public sealed record TrainingSamples(Dataset Data, Dataset? Validation = null)
{
    private const int CalibrationSamples = 128;

    /// <summary>Samples to calibrate <paramref name="input"/> with, taken at even distances.</summary>
    public CalibrationData Calibration(ValueInfo input) => Some(Data, input, CalibrationSamples).Samples;

    /// <summary>Up to <paramref name="count"/> samples of <paramref name="data"/> as inputs of a network, at even distances, with their classes.</summary>
    internal static (CalibrationData Samples, int[] Labels) Some(Dataset data, ValueInfo input, int count)
    {
        count = Math.Min(count, data.Count);
        int[] indices = [.. Enumerable.Range(0, count).Select(i => (int)((long)i * data.Count / count))];
        CalibrationData samples = new();
        foreach (int i in indices) samples.Add(Tensor.From<float>(input.Shape, data[i]));
        return (samples, [.. indices.Select(i => data.Labels.Span[i])]);
    }
}
