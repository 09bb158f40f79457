using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using EdgeRuntime.Compressor;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using Xunit;

namespace EdgeRuntime.Cli.Tests;

/// <summary>Both programs on the demonstration's files: results, JSON, messages and exit codes.</summary>
public sealed class ProgramTests(DemoFolder demo) : IClassFixture<DemoFolder>
{
    [Fact]
    public void TheDemonstrationEndsWithAnAccurateSmallNetwork()
    {
        Assert.Equal(0, demo.Demo.Code);
        Assert.Equal(["float", "int8"], demo.Demo.Json["lines"]!.AsArray().Select(l => l!["name"]!.GetValue<string>()));
        JsonNode eval = DemoFolder.Edge("eval", demo["digits-float.edge"], demo["digits-int8.edge"], "--data", demo["test.npy"], "--labels", demo["test-labels.npy"], "--json").Json;
        double[] top1 = [.. eval["results"]!.AsArray().Select(r => r!["top1"]!.GetValue<double>())];
        Assert.True(top1[0] > 0.9, $"float {top1[0]}");
        Assert.True(top1[1] > top1[0] - 0.02, $"float {top1[0]}, int8 {top1[1]}");
        Assert.Equal(demo["digits-int8.edge"], eval["results"]![1]!["model"]!.GetValue<string>());
        Assert.True(new FileInfo(demo["digits-int8.edge"]).Length < new FileInfo(demo["digits-float.edge"]).Length / 2);
    }

    [Fact]
    public void EvalTakesARangeAndCountsConfusions()
    {
        JsonNode result = DemoFolder.Edge("eval", demo["digits-int8.edge"], "--data", demo["test.npy"], "--labels", demo["test-labels.npy"], "--range", "16:96", "--confusion", "--json").Json["results"]![0]!;
        Assert.Equal(80, result["samples"]!.GetValue<int>());
        int[][] confusion = [.. result["confusion"]!.AsArray().Select(r => r!.AsArray().Select(n => n!.GetValue<int>()).ToArray())];
        Assert.Equal(80, confusion.Sum(r => r.Sum()));
        Assert.Equal(result["top1"]!.GetValue<double>(), confusion.Select((r, i) => r[i]).Sum() / 80.0, 9);
    }

    [Fact]
    public void TheDemonstrationsNetworkCanBeTrainedOn()
    {
        string[] call = ["train", demo["digits.onnx"], "--data", demo["train.npy"], "--labels", demo["train-labels.npy"], "--validate", "0:200", "--json"];
        Outcome trained = DemoFolder.Edge([.. call, "--epochs", "1", "--rate", "0.0001", "-o", demo["trained.edge"]]);
        Assert.Equal((0, ""), (trained.Code, trained.Error));
        Assert.Equal((1300, 200), (trained.Json["samples"]!.GetValue<int>(), trained.Json["validation_samples"]!.GetValue<int>()));
        JsonNode eval = DemoFolder.Edge("eval", demo["digits-float.edge"], demo["trained.edge"], "--data", demo["test.npy"], "--labels", demo["test-labels.npy"], "--json").Json;
        double[] top1 = [.. eval["results"]!.AsArray().Select(r => r!["top1"]!.GetValue<double>())];
        Assert.True(top1[1] > top1[0] - 0.03, $"before {top1[0]}, after {top1[1]}");
        Assert.Equal(0, DemoFolder.Edge([.. call, "-o", demo["trained.onnx"], "--epochs", "1"]).Code);
        Assert.Equal(0, DemoFolder.Edge("inspect", demo["trained.onnx"]).Code);
        Outcome wrong = DemoFolder.Edge([.. call, "-o", demo["trained.txt"]]);
        Assert.Equal(2, wrong.Code);
        Assert.Contains(".onnx or .edge", wrong.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void BothProgramsRunTheSameNetworkAlike()
    {
        string[] call = ["run", demo["digits-int8.edge"], "--input", demo["test.npy"], "--json", "--output"];
        Outcome edge = DemoFolder.Edge([.. call, demo["a.npy"]]), edged = DemoFolder.Edged([.. call, "scores=" + demo["b.npy"]]);
        Assert.Equal((0, 0), (edge.Code, edged.Code));
        Tensor a = NumpyFile.Load(demo["a.npy"]), b = NumpyFile.Load(demo["b.npy"]);
        Assert.Equal(new TensorShape(500, 10), a.Shape);
        Assert.True(a.Data.Span.SequenceEqual(b.Data.Span));
        Assert.Equal("zero", edged.Json["outputs"]![0]!["top"]![0]!["label"]!.GetValue<string>());
    }

    [Fact]
    public void BothProgramsHearSoundFiles()
    {
        string clip = Path.Combine(demo["clips"], "7-0.wav");
        Outcome edge = DemoFolder.Edge("run", demo["digits-int8.edge"], "--input", clip, "--json"), edged = DemoFolder.Edged("run", demo["digits-float.edge"], "--input", clip, "--json");
        foreach (Outcome o in new[] { edge, edged }) Assert.Equal("seven", o.Json["outputs"]![0]!["top"]![0]!["label"]!.GetValue<string>());
        File.WriteAllText(demo["no.wav"], "no sound");
        Outcome wrong = DemoFolder.Edge("run", demo["digits-int8.edge"], "--input", demo["no.wav"]);
        Assert.Equal(2, wrong.Code);
        Assert.Contains("no.wav is no WAVE file", wrong.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void BenchReportsTheFieldsFigures()
    {
        JsonNode report = DemoFolder.Edged("bench", demo["digits-int8.edge"], demo["digits-float.edge"], "--seconds", "0.05", "--warm-up", "0.01", "--profile-ops", "--json", "--threads", "2").Json;
        Assert.Equal(2, report["results"]!.AsArray().Count);
        JsonNode r = report["results"]![0]!;
        double[] times = [.. new[] { "min_us", "median_us", "p90_us", "p99_us", "max_us" }.Select(n => r[n]!.GetValue<double>())];
        Assert.Equal(times.Order(), times);
        Assert.True(times[0] > 0 && r["first_us"]!.GetValue<double>() > 0 && r["init_ms"]!.GetValue<double>() > 0);
        Assert.Equal(2, r["threads"]!.GetValue<int>());
        Assert.True(r["runs"]!.GetValue<int>() >= 10);
        Assert.Equal(1, r["operators"]!.AsArray().Sum(o => o!["share"]!.GetValue<double>()), 6);
        Assert.True(report["machine"]!["cores"]!.GetValue<int>() > 0);
        Assert.Equal(7, DemoFolder.Edged("bench", demo["digits-int8.edge"], "--runs", "7", "--rounds", "2", "--json").Json["results"]![0]!["runs"]!.GetValue<int>());
    }

    [Fact]
    public void TheInstructionSetsCanBeRestricted()
    {
        JsonNode r = DemoFolder.Edged("bench", demo["digits-int8.edge"], "--cpu", "portable", "--runs", "1", "--profile-ops", "--json").Json["results"]![0]!;
        Assert.Equal("portable", r["cpu"]!.GetValue<string>());
        Assert.All(r["operators"]!.AsArray(), o => Assert.Matches("reference|alias", o!["kernel"]!.GetValue<string>()));
    }

    [Fact]
    public void InspectShowsLayersAndMemory()
    {
        Outcome table = DemoFolder.Edge("inspect", demo["digits-int8.edge"]);
        Assert.Contains("dense", table.Output, StringComparison.Ordinal);
        Assert.Contains("Tensors", table.Output, StringComparison.Ordinal);
        JsonNode json = DemoFolder.Edged("inspect", demo["digits-int8.edge"], "--json").Json;
        Assert.True(json["arena_bytes"]!.GetValue<long>() > 0);
        Assert.Equal("input", json["summary"]!["inputs"]![0]!["name"]!.GetValue<string>());
        Assert.Equal(8, json["summary"]!["layers"]!.AsArray().Max(l => l!["weight_bits"]?.GetValue<int>()));
    }

    [Fact]
    public void DoctorTestsTheKernelsAndShowsALayersChoice()
    {
        Outcome text = DemoFolder.Edged("doctor", demo["digits-int8.edge"]);
        Assert.Equal(0, text.Code);
        Assert.Contains("self-test: passed", text.Output, StringComparison.Ordinal);
        JsonNode json = DemoFolder.Edged("doctor", "--json").Json;
        Assert.Contains(json["kernels"]!.AsArray(), k => k!["id"]!.GetValue<string>() == "conv-s8-reference" && k["usable"]!.GetValue<bool>());
        Assert.Contains(json["choices"]!.AsArray(), c => c!["layer"]!.GetValue<string>() == "int8 depthwise 3x3");
    }

    [Fact]
    public void CompressWithoutCalibrationPacksTheNetworkAsItIs()
    {
        string copy = demo["copy.edge"];
        Outcome outcome = DemoFolder.Edge("compress", demo["digits-float.edge"], "-o", copy, "--profile", "pi4", "--json");
        Assert.Equal(0, outcome.Code);
        Assert.Equal("pi4", outcome.Json["profile"]!.GetValue<string>());
        Assert.Empty(outcome.Json["passes"]!.AsArray());
        Assert.Empty(Directory.GetFiles(demo.Root, "*.tmp"));
        Outcome eval = DemoFolder.Edge("eval", demo["digits-float.edge"], copy, "--data", demo["test.npy"], "--labels", demo["test-labels.npy"], "--json");
        Assert.Equal(eval.Json["results"]![0]!["top1"]!.GetValue<double>(), eval.Json["results"]![1]!["top1"]!.GetValue<double>());
    }

    [Fact]
    public void ACompactFileComputesTheSame()
    {
        string compact = demo["compact.edge"];
        Assert.Equal(0, DemoFolder.Edge("compress", demo["digits-int8.edge"], "-o", compact, "--compact").Code);
        Assert.True(new FileInfo(compact).Length < new FileInfo(demo["digits-int8.edge"]).Length - 1000);
        byte[] Outputs(string model, string file)
        {
            Assert.Equal(0, DemoFolder.Edge("run", model, "--input", demo["test.npy"], "--output", demo[file]).Code);
            return File.ReadAllBytes(demo[file]);
        }
        Assert.Equal(Outputs(demo["digits-int8.edge"], "whole.npy"), Outputs(compact, "compact.npy"));
    }

    [Fact]
    public void CompressWritesAReportOfItsPasses()
    {
        Outcome outcome = DemoFolder.Edge("compress", demo["digits-float.edge"], "-o", demo["q.edge"], "--recipe", "int8", "--calibrate", "input=" + demo["train.npy"], "--calibrate-range", "0:20",
            "--report", demo["report.json"]);
        Assert.Equal((0, ""), (outcome.Code, outcome.Error));
        JsonNode report = JsonNode.Parse(File.ReadAllText(demo["report.json"]))!;
        Assert.Contains(report["passes"]!.AsArray(), p => p!["layers"]!.AsArray().Any(l => l!["signal_to_noise"] is not null));
    }

    /// <summary>Where no pass measures noise and no board is named, the page's layers are measured.</summary>
    [Fact]
    public void ThePageOfAFloatRecipeHasNoiseAndLatencyOfLayers()
    {
        Assert.Equal(0, DemoFolder.Edge("compress", demo["digits-float.edge"], "-o", demo["half.edge"], "--recipe", "prune-50", "--report", demo["half.html"], "--eval", demo["test.npy"], "--eval-labels", demo["test-labels.npy"]).Code);
        JsonNode[] layers = [.. JsonNode.Parse(File.ReadAllText(demo["half.json"]))!["layers"]!.AsArray().Where(l => (string?)l!["operator"] == "Convolution")!];
        Assert.All(layers, l => Assert.True(l["signal_to_noise"]!.GetValue<double>() is > -20 and < 60 && l["bits"]!.GetValue<int>() == 32));
        Assert.Contains(layers, l => l["us"] is not null && l["sparsity"]!.GetValue<double>() >= 0.5);
        Assert.Contains("Answers of the chosen network", File.ReadAllText(demo["half.html"]), StringComparison.Ordinal);
        Assert.Equal("edge a '' 'b c' 'd'\\''e'", CompressionReport.CommandOf(["a", "", "b c", "d'e"]));
    }

    public static TheoryData<string, string> WrongUse => new()
    {
        { "edge", "there is no verb" }, { "edge bench", "Required argument missing" }, { "edge bench --threads 0 {m}", "--threads" }, { "edge bench {m} --cpu sse9", "sse9" },
        { "edge bench nothing.edge", "there is no file nothing.edge" }, { "edge run {m} {m}", "too much" }, { "edge run {m} --input a=b=c", "c" }, { "edge compress {m}", "--output is missing" },
        { "edge compress {m} -o x.edge --recipe nowhere", "nowhere" }, { "edge compress {m} -o x.edge --recipe int8", "--calibrate" }, { "edge compress {m} -o x.edge --profile pi9", "pi-zero2w" },
        { "edge compress {m} -o nowhere/x.edge", "there is no folder nowhere" }, { "edge train {m} --data {d} --labels {l} -o nowhere/x.edge", "there is no folder nowhere" },
        { "edge run {m} --input nothing.npy --output nowhere/y.npy", "there is no folder nowhere" },
        { "edge compress {m} -o /", "/ is a folder" }, { "edge compress {m} -o {m}", "would replace the model that is read" }, { "edge run {m} --output {m}", "would replace the model that is read" },
        { "edged run {m} --output=", "names no file" }, { "edge run {m} --input sound={d}", "one of the names input" },
        { "edge bench {m} --kernel nothing=conv-s8-reference", "no node 'nothing'" },
        { RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? "edge bench {m} --cpu avx2" : "edge bench {m} --cpu neon", "this machine has no" },
        { "edge eval {m} --data {d}", "--labels is missing" }, { "edge eval {m} --data {d} --labels {l} --range 5:5", "FIRST:END" }, { "edge eval {m} --data {l} --labels {l}", "multiple" },
        { "edge eval {m} --data {d} --labels {l} --data-layout chw", "nhwc" }, { "edge inspect {d}", "test.npy" },
        { "edged frobnicate", "there is no verb" }, { "edged bench", "MODEL is missing" }, { "edged bench {m} --threads", "needs a value" }, { "edged bench {m} --thread 2", "no option --thread" },
        { "edged bench {m} --threads 1 --threads 2", "twice" }, { "edged inspect {d}", "test.npy" }, { "edged run {m} --kernel Lstm=b", "no kernel b" }, { "edged run {m} --json=1", "no value" },
        { "edged run {m} --input {d} --data-scale 2", "--data-scale" }, { "edged run {m} --input nothing.npy", "nothing.npy" }, { "edged bench /", "directory" },
        { RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? "edged bench {m} --profile x64-avx2" : "edged bench {m} --profile pi4", "this machine is" },
    };

    [Theory]
    [MemberData(nameof(WrongUse))]
    public void WrongUseEndsWith2AndSaysWhatIsWrong(string line, string message)
    {
        string[] words = [.. line.Split(' ').Select(w => w.Replace("{m}", demo["digits-int8.edge"], StringComparison.Ordinal).Replace("{d}", demo["test.npy"], StringComparison.Ordinal)
            .Replace("{l}", demo["test-labels.npy"], StringComparison.Ordinal))];
        Outcome outcome = words[0] == "edge" ? DemoFolder.Edge(words[1..]) : DemoFolder.Edged(words[1..]);
        Assert.Equal(2, outcome.Code);
        if (words.Length > 1) Assert.Contains(message, outcome.Error, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void AFailedWriteEndsWith1AndLeavesNothing()
    {
        Outcome outcome = DemoFolder.Edge("run", demo["digits-int8.edge"], "--output", "/proc/none/y.npy");
        Assert.NotEqual(0, outcome.Code);
        Assert.Contains("/proc/none", outcome.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("run", "--input")]
    [InlineData("bench", "--profile-ops")]
    [InlineData("inspect", "--json")]
    [InlineData("doctor", "--cpu")]
    public void EveryVerbHasHelp(string verb, string option)
    {
        Outcome help = DemoFolder.Edged(verb, "--help");
        Assert.Equal(0, help.Code);
        Assert.Contains(option, help.Output, StringComparison.Ordinal);
        if (verb == "doctor") return;
        Outcome edge = DemoFolder.Edge(verb, "--help");
        Assert.Equal(0, edge.Code);
        Assert.Contains(option, edge.Output, StringComparison.Ordinal);
    }
}
