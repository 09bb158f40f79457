using System.Diagnostics;
using System.Globalization;
using EdgeRuntime.Compressor;
using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using EdgeRuntime.TestSupport;
using EdgeRuntime.Training;

namespace EdgeRuntime.Benchmarks;

/// <summary>
/// A training step (forward, backward, Adam) of batch 64 beside 64 runs of our float inference of the same network, in
/// alternating rounds, with the same number of threads; and such a step of the int8 network. <c>training [--threads N] [--write FILE.md]</c>.
/// </summary>
internal static class TrainingBenchmark
{
    private const int Batch = 64, Rounds = 12;

    private static readonly (string Name, string File)[] Networks =
        [("DS-CNN (kws)", "mlperf-tiny/kws_fp32.onnx"), ("MobileNetV1 0.25 96 (vww)", "mlperf-tiny/vww_fp32.onnx"), ("ResNet-8", "mlperf-tiny/resnet8_fp32.onnx")];

    public static void Run(string[] args)
    {
        int threads = Array.IndexOf(args, "--threads") is >= 0 and var i ? int.Parse(args[i + 1], CultureInfo.InvariantCulture) : 1;
        string table = "| network | 64 × inference ms | step ms | step / (3 × 64 inferences) | quantised step ms | quantised / float step |\n|---|---|---|---|---|---|\n";
        foreach (var (name, file) in Networks)
        {
            string path = SharedFolder.Locate("models/" + file) ?? throw new FileNotFoundException(SharedFolder.Missing("models/" + file));
            using InferenceSession session = new(GraphOptimizer.Optimize(NetworkImporter.Load(path)), new SessionOptions { Threads = threads });
            TrainableNetwork network = new(GraphOptimizer.PrepareForTraining(NetworkImporter.Load(path)));
            QuantizedNetwork quantized = Quantized(path);
            Tape tape = new(threads);
            Adam adam = new(network.Parameters), quantizedAdam = new(quantized.Parameters);
            double inference = double.MaxValue, step = double.MaxValue, quantizedStep = double.MaxValue;
            for (int round = 0; round < Rounds; round++)
            {
                inference = Math.Min(inference, Time(() => { for (int n = 0; n < Batch; n++) session.Run(); }));
                step = Math.Min(step, Time(() => Step(network, tape, adam)));
                quantizedStep = Math.Min(quantizedStep, Time(() => Step(quantized, tape, quantizedAdam)));
            }
            string row = string.Create(CultureInfo.InvariantCulture, $"| {name} | {inference:F2} | {step:F2} | {step / (3 * inference):F2} | {quantizedStep:F2} | {quantizedStep / step:F2} |\n");
            Console.Write(row);
            table += row;
        }
        if (Array.IndexOf(args, "--write") is >= 0 and var w) MarkdownTable.Replace(args[w + 1], "training", table);
    }

    private static QuantizedNetwork Quantized(string path)
    {
        Graph graph = GraphOptimizer.Optimize(NetworkImporter.Load(path));
        RandomSource random = new(1);
        CalibrationData data = new();
        for (int i = 0; i < 4; i++) data.Add(Tensor.From<float>(graph.Inputs[0].Shape, [.. Enumerable.Range(0, (int)graph.Inputs[0].Shape.ElementCount).Select(_ => random.NextSingle())]));
        return new QuantizeAware(new QuantizeAwareOptions()).Prepare(graph, new PassContext { Calibration = data }).Network;
    }

    private static void Step(TrainableNetwork network, Tape tape, Adam adam)
    {
        ValueInfo input = network.Graph.Inputs[0];
        Variable x = tape.Constant(input.Shape.With(0, Batch), new float[Batch * input.Shape.ElementCount]);
        foreach (ref float v in x.Data.AsSpan()) v = tape.Random.NextSingle();
        Variable y = network.Forward(tape, [x], network.Logits)[0];
        int[] labels = [.. Enumerable.Range(0, Batch).Select(n => n % y.Shape[-1])];
        tape.Backward(tape.CrossEntropy(y, labels));
        adam.Step(1e-4f);
        tape.Reset();
    }

    private static double Time(Action run)
    {
        long start = Stopwatch.GetTimestamp();
        run();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }
}
