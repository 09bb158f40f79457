using System.Text.Json.Nodes;
using EdgeRuntime.TestSupport;
using Xunit;

namespace EdgeRuntime.Cli.Tests;

/// <summary>The MLPerf Tiny keyword network through the program: compressed with 100 inputs, judged on the other 900 and on all.</summary>
public sealed class KeywordSpottingTests
{
    private const string Models = "models/mlperf-tiny", Data = "data/mlperf-tiny-kws/kws01_mfcc_int8_1000x49x10.bin", Labels = "data/mlperf-tiny-kws/labels.csv";

    [SkippableFact]
    public void CompressionKeepsTheAccuracyInAFileOf40KB()
    {
        string? network = SharedFolder.Locate($"{Models}/kws_fp32.onnx"), tflite = SharedFolder.Locate($"{Models}/kws_ref_model.tflite"), data = SharedFolder.Locate(Data), labels = SharedFolder.Locate(Labels);
        Skip.If(network is null || tflite is null || data is null || labels is null, SharedFolder.Missing(Models));
        string packed = Path.Combine(Directory.CreateTempSubdirectory().FullName, "kws.edge");
        string[] description = ["--data-type", "i8", "--data-shape", "49,10", "--data-scale", "0.5847029", "--data-zero-point", "83"];
        Assert.Equal(0, DemoFolder.Edge(["compress", network!, "-o", packed, "--calibrate", data!, "--calibrate-range", "0:100", .. description]).Code);
        Assert.True(new FileInfo(packed).Length <= 40_000);

        double[] Top1(params string[] range) => [.. DemoFolder.Edge(["eval", network!, packed, tflite!, "--data", data!, "--labels", labels!, "--json", .. description, .. range]).Json["results"]!.AsArray()
            .Select((JsonNode? r) => r!["top1"]!.GetValue<double>())];
        double[] unseen = Top1("--range", "100:1000"), all = Top1();
        Directory.Delete(Path.GetDirectoryName(packed)!, recursive: true);
        Assert.True(unseen[1] >= unseen[0] - 0.005, $"float {unseen[0]}, int8 {unseen[1]} on the inputs not calibrated with");
        Assert.True(all[1] >= 0.9, $"int8 {all[1]}");
        Assert.Equal(0.901, all[0], 4);
        Assert.Equal(0.902, all[2], 4);
    }
}
