using EdgeRuntime.Compressor;
using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using EdgeRuntime.TestSupport;

namespace EdgeRuntime.Conformance;

/// <summary>The real networks that every suite runs, and the inputs it gives them.</summary>
internal static class Networks
{
    /// <summary>The ONNX files, relative to the models' folder.</summary>
    public static readonly string[] Onnx =
    [
        "mlperf-tiny/kws_fp32.onnx", "mlperf-tiny/kws_int8.onnx", "mlperf-tiny/kws_int8_u8.onnx",
        "mlperf-tiny/vww_fp32.onnx", "mlperf-tiny/vww_int8.onnx", "mlperf-tiny/vww_int8_u8.onnx",
        "mlperf-tiny/resnet8_fp32.onnx", "mlperf-tiny/resnet8_int8.onnx", "mlperf-tiny/resnet8_int8_u8.onnx",
        "mlperf-tiny/ad_fp32.onnx", "mlperf-tiny/ad_int8.onnx", "mlperf-tiny/ad_int8_u8.onnx",
        "mlperf-tiny/sww_fp32.onnx", "mlperf-tiny/sww_int8.onnx", "mlperf-tiny/sww_int8_u8.onnx",
        "mobilenet/mobilenet_v1_025_128_fp32.onnx", "mobilenet/mobilenet_v1_025_128_uint8.onnx", "mobilenet/mobilenet_v1_224_uint8.onnx",
        "mobilenet/mobilenet_v2_224_fp32.onnx", "mobilenet/mobilenet_v2_224_int8.onnx", "mobilenet/mobilenet_v2_224_int8_u8.onnx",
        "mobilenet/mobilenet_v2_224_uint8_tf1.onnx",
    ];

    /// <summary>Each TFLite file with the ONNX file that holds the same network.</summary>
    public static readonly (string TfLite, string Onnx)[] TfLite =
    [
        ("mlperf-tiny/kws_ref_model.tflite", "mlperf-tiny/kws_int8.onnx"),
        ("mlperf-tiny/kws_ref_model_float32.tflite", "mlperf-tiny/kws_fp32.onnx"),
        ("mlperf-tiny/vww_96_int8.tflite", "mlperf-tiny/vww_int8.onnx"),
        ("mlperf-tiny/vww_96_float.tflite", "mlperf-tiny/vww_fp32.onnx"),
        ("mlperf-tiny/pretrainedResnet_quant.tflite", "mlperf-tiny/resnet8_int8.onnx"),
        ("mlperf-tiny/pretrainedResnet.tflite", "mlperf-tiny/resnet8_fp32.onnx"),
        ("mlperf-tiny/ad01_int8.tflite", "mlperf-tiny/ad_int8.onnx"),
        ("mlperf-tiny/ad01_fp32.tflite", "mlperf-tiny/ad_fp32.onnx"),
        ("mlperf-tiny/str_ww_ref_model.tflite", "mlperf-tiny/sww_int8.onnx"),
        ("mobilenet/mobilenet_v1_0.25_128_quant.tflite", "mobilenet/mobilenet_v1_025_128_uint8.onnx"),
        ("mobilenet/mobilenet_v1_1.0_224_quant_embedding_extractor.tflite", "mobilenet/mobilenet_v1_224_uint8.onnx"),
        ("mobilenet/tf2_mobilenet_v2_1.0_224_ptq.tflite", "mobilenet/mobilenet_v2_224_int8_u8.onnx"),
        ("mobilenet/mobilenet_v2_1.0_224_quant.tflite", "mobilenet/mobilenet_v2_224_uint8_tf1.onnx"),
    ];

    /// <summary>The full path, or null where the folder is missing.</summary>
    public static string? Path(string model) => SharedFolder.Locate("models/" + model);

    /// <summary>Imports and optimises a network.</summary>
    public static Graph Load(string path)
    {
        Graph graph = NetworkImporter.Load(path);
        GraphOptimizer.Optimize(graph);
        return graph;
    }

    /// <summary>
    /// Deterministic input <paramref name="index"/>: smooth patterns with noise, which excite all layers as photographs do,
    /// made with integers so that every machine gets the same bytes.
    /// </summary>
    public static void Fill(Span<byte> bytes, ElementType type, int index)
    {
        int size = type.Bits() / 8, count = bytes.Length / size;
        uint state = (uint)(12345 + 7919 * index);
        int wave = 0, step = 3 + 2 * index;
        for (int i = 0; i < count; i++)
        {
            state = state * 1664525u + 1013904223u;
            wave += step;
            if (wave is > 230 or < 20) step = -step;
            int value = Math.Clamp(wave + (int)(state >> 27) - 16, 0, 255);
            if (type == ElementType.Float32) BitConverter.TryWriteBytes(bytes[(4 * i)..], (value - 128) / 128f);
            else bytes[i] = type == ElementType.Int8 ? (byte)(value - 128) : (byte)value;
        }
    }

    /// <summary>The outputs of one run of our session on input <paramref name="index"/>.</summary>
    public static byte[] Run(InferenceSession session, int index)
    {
        for (int i = 0; i < session.Inputs.Count; i++) Fill(session.InputBytes(i), session.Inputs[i].Type, index);
        session.Run();
        return session.OutputBytes(0).ToArray();
    }
}
