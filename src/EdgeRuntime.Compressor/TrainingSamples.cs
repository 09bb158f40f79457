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
    public CalibrationData Calibration(ValueInfo input)
    {
        CalibrationData calibration = new();
        int count = Math.Min(CalibrationSamples, Data.Count);
        for (int i = 0; i < count; i++) calibration.Add(Tensor.From<float>(input.Shape, Data[(int)((long)i * Data.Count / count)]));
        return calibration;
    }
}
