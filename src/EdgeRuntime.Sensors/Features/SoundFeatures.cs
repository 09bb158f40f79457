using EdgeRuntime.Tensors;

namespace EdgeRuntime.Sensors;

/// <summary>Sound files as inputs of networks.</summary>
public static class SoundFeatures
{
    /// <summary>The features [1, frames, width] of a WAVE file, brought to their sample rate first.</summary>
    /// <param name="path">The file.</param>
    /// <param name="options"><see cref="FeatureOptions"/> as JSON.</param>
    /// <exception cref="InvalidDataException">The file or the options are damaged.</exception>
    /// <exception cref="IOException">The file can't be read.</exception>
    public static Tensor Load(string path, string options)
    {
        FeatureExtractor extractor = new(FeatureOptions.Parse(options));
        FeatureOptions o = extractor.Options;
        float[] features = new float[o.Frames * o.Width];
        extractor.Clip(WaveFile.Read(path).Resample(o.SampleRate).Samples, features);
        return Tensor.From<float>(new TensorShape(1, o.Frames, o.Width), features);
    }
}
