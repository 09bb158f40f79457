using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>Operator numbers of the TFLite schema (version 3) that the importer converts; other numbers are valid, too.</summary>
internal enum TfLiteOperatorCode
{
    Add = 0,
    AveragePool2D = 1,
    Concatenation = 2,
    Conv2D = 3,
    DepthwiseConv2D = 4,
    DepthToSpace = 5,
    Dequantize = 6,
    FullyConnected = 9,
    L2Normalization = 11,
    Logistic = 14,
    MaxPool2D = 17,
    Mul = 18,
    Relu = 19,
    ReluN1To1 = 20,
    Relu6 = 21,
    Reshape = 22,
    ResizeBilinear = 23,
    Softmax = 25,
    SpaceToDepth = 26,
    Tanh = 28,
    Custom = 32,
    Pad = 34,
    Gather = 36,
    Transpose = 39,
    Mean = 40,
    Sub = 41,
    Div = 42,
    Squeeze = 43,
    UnidirectionalSequenceLstm = 44,
    StridedSlice = 45,
    Exp = 47,
    Split = 49,
    LogSoftmax = 50,
    BidirectionalSequenceLstm = 52,
    PRelu = 54,
    Maximum = 55,
    Minimum = 57,
    Neg = 59,
    PadV2 = 60,
    Slice = 65,
    ExpandDims = 70,
    Log = 73,
    Sum = 74,
    Sqrt = 75,
    Rsqrt = 76,
    ReduceMax = 82,
    Pack = 83,
    Unpack = 88,
    ReduceMin = 89,
    Square = 92,
    ResizeNearestNeighbor = 97,
    LeakyRelu = 98,
    SquaredDifference = 99,
    MirrorPad = 100,
    Abs = 101,
    SplitV = 102,
    Elu = 111,
    Quantize = 114,
    HardSwish = 117,
    Densify = 124,
    Conv3D = 132,
    Relu0To1 = 152,
}

/// <summary>Type numbers of the BuiltinOptions union that the importer reads.</summary>
internal enum TfLiteOptions : byte
{
    None = 0,
    Conv2D = 1,
    DepthwiseConv2D = 2,
    Pool2D = 5,
    FullyConnected = 8,
    Softmax = 9,
    Concatenation = 10,
    Add = 11,
    ResizeBilinear = 15,
    Reshape = 17,
    SpaceToDepth = 19,
    Mul = 21,
    Gather = 23,
    Reducer = 27,
    Sub = 28,
    Div = 29,
    StridedSlice = 32,
    Pack = 59,
    Unpack = 64,
    BidirectionalSequenceLstm = 69,
    UnidirectionalSequenceLstm = 71,
    ResizeNearest = 74,
    LeakyRelu = 75,
    MirrorPad = 77,
    DepthToSpace = 94,
    Conv3D = 106,
}

/// <summary>Values of the ActivationFunctionType enumeration.</summary>
internal enum TfLiteActivation : byte
{
    None = 0,
    Relu = 1,
    ReluN1To1 = 2,
    Relu6 = 3,
    Tanh = 4,
    SignBit = 5,
}

/// <summary>Facts of the TFLite schema, version 3.</summary>
internal static class TfLiteSchema
{
    /// <summary>The file identifier.</summary>
    public const string Identifier = "TFL3";

    /// <summary>The schema version that is read.</summary>
    public const uint Version = 3;

    /// <summary>Names by operator number, for messages.</summary>
    private static readonly string[] OperatorNames =
        """
        ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE EMBEDDING_LOOKUP FLOOR
        FULLY_CONNECTED HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D LOCAL_RESPONSE_NORMALIZATION LOGISTIC LSH_PROJECTION
        LSTM MAX_POOL_2D MUL RELU RELU_N1_TO_1 RELU6 RESHAPE RESIZE_BILINEAR RNN SOFTMAX SPACE_TO_DEPTH SVDF TANH
        CONCAT_EMBEDDINGS SKIP_GRAM CALL CUSTOM EMBEDDING_LOOKUP_SPARSE PAD UNIDIRECTIONAL_SEQUENCE_RNN GATHER
        BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND TRANSPOSE MEAN SUB DIV SQUEEZE UNIDIRECTIONAL_SEQUENCE_LSTM STRIDED_SLICE
        BIDIRECTIONAL_SEQUENCE_RNN EXP TOPK_V2 SPLIT LOG_SOFTMAX DELEGATE BIDIRECTIONAL_SEQUENCE_LSTM CAST PRELU MAXIMUM
        ARG_MAX MINIMUM LESS NEG PADV2 GREATER GREATER_EQUAL LESS_EQUAL SELECT SLICE SIN TRANSPOSE_CONV SPARSE_TO_DENSE TILE
        EXPAND_DIMS EQUAL NOT_EQUAL LOG SUM SQRT RSQRT SHAPE POW ARG_MIN FAKE_QUANT REDUCE_PROD REDUCE_MAX PACK LOGICAL_OR
        ONE_HOT LOGICAL_AND LOGICAL_NOT UNPACK REDUCE_MIN FLOOR_DIV REDUCE_ANY SQUARE ZEROS_LIKE FILL FLOOR_MOD RANGE
        RESIZE_NEAREST_NEIGHBOR LEAKY_RELU SQUARED_DIFFERENCE MIRROR_PAD ABS SPLIT_V UNIQUE CEIL REVERSE_V2 ADD_N GATHER_ND
        COS WHERE RANK ELU REVERSE_SEQUENCE MATRIX_DIAG QUANTIZE MATRIX_SET_DIAG ROUND HARD_SWISH IF WHILE
        NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5 SCATTER_ND SELECT_V2 DENSIFY SEGMENT_SUM BATCH_MATMUL
        PLACEHOLDER_FOR_GREATER_OP_CODES CUMSUM CALL_ONCE BROADCAST_TO RFFT2D CONV_3D IMAG REAL COMPLEX_ABS HASHTABLE
        HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE REDUCE_ALL CONV_3D_TRANSPOSE VAR_HANDLE READ_VARIABLE ASSIGN_VARIABLE
        BROADCAST_ARGS RANDOM_STANDARD_NORMAL BUCKETIZE RANDOM_UNIFORM MULTINOMIAL GELU DYNAMIC_UPDATE_SLICE RELU_0_TO_1
        """.Split([' ', '\r', '\n'], StringSplitOptions.RemoveEmptyEntries);

    /// <summary>The schema's name of an operator, or its number.</summary>
    public static string NameOf(int code) => code >= 0 && code < OperatorNames.Length ? OperatorNames[code] : $"operator {code}";

    /// <summary>The element type that TensorType <paramref name="type"/> stands for, or null where there is none.</summary>
    public static ElementType? ElementTypeOf(byte type) => type switch
    {
        0 => ElementType.Float32,
        1 => ElementType.Float16,
        2 => ElementType.Int32,
        3 => ElementType.UInt8,
        4 => ElementType.Int64,
        6 => ElementType.Bool,
        7 => ElementType.Int16,
        9 => ElementType.Int8,
        17 => ElementType.Int4,
        _ => null,
    };
}
