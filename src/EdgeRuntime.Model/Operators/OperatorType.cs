namespace EdgeRuntime.Model;

/// <summary>
/// The closed list of operators. Numbers are part of the packed format: only ever add. Inputs and attributes of each
/// stand in <see cref="OperatorSchemas"/>.
/// </summary>
public enum OperatorType : ushort
{
    /// <summary>
    /// 2-D convolution. x [N,H,W,C], weights [O,kH,kW,C/group], bias [O] optional → [N,H',W',O]. Attributes strides [2],
    /// dilations [2], pads [top,left,bottom,right], group, min, max (a fused clamp, in real numbers). Padding stands
    /// for real 0. group = C is a depthwise convolution; O is then a multiple of C. With a float x, weights may be quantised;
    /// dynamic (1) then makes x int8 while the network runs, as one tensor, and the products integer.
    /// </summary>
    Convolution = 1,

    /// <summary>x [..., K], weights [N,K], bias [N] optional → [..., N]. Attributes min, max, dynamic (each row by itself).</summary>
    FullyConnected = 2,

    /// <summary>a + b with broadcasting. Attributes min, max.</summary>
    Add = 3,

    /// <summary>a − b with broadcasting. Attributes min, max.</summary>
    Sub = 4,

    /// <summary>a · b with broadcasting. Attributes min, max.</summary>
    Mul = 5,

    /// <summary>a / b with broadcasting, float only. Attributes min, max.</summary>
    Div = 6,

    /// <summary>Average of each window. x NHWC. Attributes kernel [2], strides [2], pads [4], count_include_pad.</summary>
    AveragePool = 7,

    /// <summary>Maximum of each window. x NHWC. Attributes kernel [2], strides [2], pads [4].</summary>
    MaxPool = 8,

    /// <summary>Mean over axes. Attributes axes, keepdims.</summary>
    ReduceMean = 9,

    /// <summary>exp(x − max) / Σ exp over one axis. Attribute axis; beta (1) multiplies x first.</summary>
    Softmax = 10,

    /// <summary>The same elements under the output's shape.</summary>
    Reshape = 11,

    /// <summary>Dimension i of the output is dimension perm[i] of the input. Attribute perm.</summary>
    Transpose = 12,

    /// <summary>Borders of a constant. Attributes pads [before of every axis, then after of every axis], value (real number).</summary>
    Pad = 13,

    /// <summary>Joins inputs along one axis. Attribute axis.</summary>
    Concat = 14,

    /// <summary>Clamp. Attributes min, max (real numbers; absent = unbounded).</summary>
    Clip = 15,

    /// <summary>Float to the output value's integer type and quantisation: <see cref="Tensors.Requantize.Quantize"/>.</summary>
    Quantize = 16,

    /// <summary>Quantised integers to float.</summary>
    Dequantize = 17,

    /// <summary>From one integer quantisation to another.</summary>
    Requantize = 18,

    /// <summary>1 / (1 + exp(−x)).</summary>
    Sigmoid = 19,

    /// <summary>Hyperbolic tangent.</summary>
    Tanh = 20,

    /// <summary>
    /// (x − mean) · scale / √(variance + epsilon) + bias along one axis. Inputs x, scale, bias, mean, variance (each [C]).
    /// Attributes epsilon, axis. The optimiser folds it; it has no kernel of its own.
    /// </summary>
    BatchNormalization = 21,

    /// <summary>
    /// Signs: +1 where x ≥ threshold of its channel, else −1. Inputs x, thresholds [C] or [1] optional (absent = 0), along
    /// the innermost axis: float for a float x; for an int8 x int32, in its integer steps. Output Binary.
    /// </summary>
    Binarize = 24,
}
