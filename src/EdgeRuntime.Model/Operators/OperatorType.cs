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
    /// Long short-term memory over a sequence; <see cref="RecurrentShape"/> names the sizes. x [T,N,I] → hidden states y
    /// [T,N,D·H]; the last hidden state [D,N,H] and the last cell [D,N,H] are optional outputs. Inputs x, W [D·4H,I],
    /// R [D·4H,H], bias [D·4H] of W and of R, first hidden state [D,N,H], first cell [D,N,H] (zeros where absent), second
    /// factors of W and of R: where one is given, W is [D·4H,r] and stands for W·W2 with W2 [D·r,I], R likewise. The gates
    /// i, o, f, g lie one after another (ONNX's order), the directions outside them:
    /// c' = σ(f) · c + σ(i) · tanh(g), h' = σ(o) · tanh(c'). Attributes: direction (0 forward, 1 backward, 2 both: forward
    /// first), stateful (the states stay in the session from run to run until they are reset), clip (bounds the sums that
    /// enter the functions), cell_clip (bounds c'), lengths [N] (steps of each sequence; what lies behind gives 0), dynamic (1: x, row
    /// by row, and before each step the states of a sequence become int8 while the network runs, and the products integer).
    /// Quantised: x, W, R and y int8, biases int32; c is int16 with the scale 2^cell_exponent (−15 to 0).
    /// </summary>
    Lstm = 22,

    /// <summary>
    /// Gated recurrent unit. Inputs, outputs and attributes as of <see cref="Lstm"/>, without a cell; 3 gates z, r, n:
    /// n' = tanh(Wx + r·(Rh + b)) where linear_before_reset is 1, else tanh(Wx + R(r·h) + b), and h' = (1 − z)·n' + z·h.
    /// Quantised: h lives as int16 with the scale 2^−15, which is also the form of the first and last hidden state.
    /// </summary>
    Gru = 23,

    /// <summary>
    /// Signs: +1 where x ≥ threshold of its channel, else −1. Inputs x, thresholds [C] or [1] optional (absent = 0), along
    /// the innermost axis: float for a float x; for an int8 x int32, in its integer steps. Output Binary.
    /// </summary>
    Binarize = 24,

    /// <summary>Elements starts, starts + steps, … below ends, on every axis. Attributes starts, ends, steps (at least 1).</summary>
    Slice = 25,

    /// <summary>Borders mirrored at the first and last element, which are not repeated. Attribute pads as of <see cref="Pad"/>.</summary>
    ReflectPad = 26,

    /// <summary>Square root.</summary>
    Sqrt = 27,

    /// <summary>|x|.</summary>
    Abs = 28,

    /// <summary>e^x; float results end at e^88.</summary>
    Exp = 29,

    /// <summary>Natural logarithm.</summary>
    Log = 30,

    /// <summary>x where positive, alpha · x elsewhere. Attribute alpha.</summary>
    LeakyRelu = 31,

    /// <summary>x · min(max(x / 6 + ½, 0), 1).</summary>
    HardSwish = 32,

    /// <summary>The larger of two operands with broadcasting, float only. Attributes min, max.</summary>
    Maximum = 33,

    /// <summary>The smaller of two operands with broadcasting, float only. Attributes min, max.</summary>
    Minimum = 34,

    /// <summary>Elements of one axis, in any order and any number of times. Attributes axis, indices.</summary>
    Gather = 35,
}
