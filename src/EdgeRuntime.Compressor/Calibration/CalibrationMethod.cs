namespace EdgeRuntime.Compressor;

/// <summary>How calibration chooses the range of real numbers that integers stand for.</summary>
public enum CalibrationMethod
{
    /// <summary>The whole range seen.</summary>
    MinMax,

    /// <summary>The range without a small share of extreme elements.</summary>
    Percentile,

    /// <summary>The range whose 256 steps keep most information: least Kullback-Leibler divergence (Migacz, "8-bit inference with TensorRT", 2017).</summary>
    Entropy,

    /// <summary>The range with the least mean squared error of rounding and clipping together.</summary>
    MeanSquaredError,
}
