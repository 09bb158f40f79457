using System.Diagnostics;
using EdgeRuntime.Compressor;
using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using Xunit;

namespace EdgeRuntime.Cli.Tests;

/// <summary>Searches under a budget: targets, reports, and workers that share a study, one of which is killed.</summary>
public sealed class SearchTests : IDisposable
{
    private const int Inputs = 16, Classes = 4, Samples = 256;

    // A trial takes about half a second, so that a worker can be killed in the middle of one.
    private const string Space = """
        { "name": "small", "stages": [
          { "name": "weights", "choices": [ { "name": "none" }, { "name": "half", "passes": [ { "pass": "prune", "options": { "sparsity": 0.5, "leastWeights": 1 } } ] } ] },
          { "name": "training", "choices": [ { "name": "trained", "passes": [ { "pass": "fine-tune", "options": { "epochs": EPOCHS } } ] } ] },
          { "name": "precision", "choices": [ { "name": "int8", "passes": [ { "pass": "quantize-int8" } ] }, { "name": "int4", "passes": [ { "pass": "quantize-int4", "options": { "keepEnds": false } } ] } ] } ] }
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("edge-search").FullName;

    public SearchTests()
    {
        Random random = new(5);
        float[] weights = [.. Enumerable.Range(0, Classes * Inputs).Select(_ => random.NextSingle() * 2 - 1)], x = new float[Samples * Inputs];
        long[] labels = new long[Samples];
        for (int s = 0; s < Samples; s++)
        {
            for (int i = 0; i < Inputs; i++) x[s * Inputs + i] = random.NextSingle() * 2 - 1;
            labels[s] = Enumerable.Range(0, Classes).MaxBy(c => Enumerable.Range(0, Inputs).Sum(i => weights[c * Inputs + i] * x[s * Inputs + i]));
        }
        NumpyFile.Save(At("x.npy"), Tensor.From<float>(new TensorShape(Samples, Inputs), x));
        NumpyFile.Save(At("labels.npy"), Tensor.From<long>(new TensorShape(Samples), labels));
        Graph graph = new("tiny");
        ValueInfo input = new("x", ElementType.Float32, new TensorShape(1, Inputs)), output = new("y", ElementType.Float32, new TensorShape(1, Classes));
        graph.Inputs.Add(input);
        graph.Nodes.Add(new Node(OperatorType.FullyConnected, "dense", [input, new ValueInfo("w", Tensor.From<float>(new TensorShape(Classes, Inputs), weights)), new ValueInfo("b", Tensor.Vector<float>(new float[Classes]))], [output]));
        graph.Outputs.Add(output);
        ModelWriter.Write(graph, At("tiny.edge"));
        File.WriteAllText(At("quick.json"), Space.Replace("EPOCHS", "1", StringComparison.Ordinal));
        File.WriteAllText(At("slow.json"), Space.Replace("EPOCHS", "3000", StringComparison.Ordinal));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void ASearchEndsWithTheBestCandidateAndWritesItsReport()
    {
        string board = RuntimeProfiles.All[0].Name;
        Outcome found = Search("quick.json", At("a.db"), "--target-size", "20KB", "--target-latency", $"1ms@{board}", "--min-accuracy", "0.8", "--report", At("report.html"), "--rungs", "2", "-o", At("out"), "--json");
        Assert.Equal(0, found.Code);
        Assert.True(found.Json["is_reached"]!.GetValue<bool>());
        Assert.True(found.Json["best"]!["accuracy"]!.GetValue<double>() >= 0.8);
        Assert.Equal(2, Directory.GetFiles(At("out"), "trial-0001.*").Length);
        Recipe.Load(At("out/trial-0001.json"));
        string page = File.ReadAllText(At("report.html"));
        Assert.Contains("<svg", page, StringComparison.Ordinal);
        Assert.DoesNotContain("http", page, StringComparison.Ordinal);
        Assert.True(File.Exists(At("report.json")));

        Outcome again = DemoFolder.Edge("search", "--study", At("a.db"), "-o", At("out"), "--json");
        Assert.Equal((0, found.Json["trials"]!.GetValue<int>()), (again.Code, again.Json["trials"]!.GetValue<int>()));
    }

    [Fact]
    public void TargetsOutOfReachGiveExitCode1AndTheNearest()
    {
        Outcome found = Search("quick.json", At("b.db"), "--target-size", "10", "--rungs", "1", "-o", At("out"));
        Assert.Equal(1, found.Code);
        Assert.Contains("comes nearest", found.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void WrongTargetsAreRefused()
    {
        Assert.Contains("2ms@", Search("quick.json", At("c.db"), "--target-latency", "fast").Error, StringComparison.Ordinal);
        Assert.Contains("KiB", Search("quick.json", At("c.db"), "--target-size", "small").Error, StringComparison.Ordinal);
        Assert.Equal(2, DemoFolder.Edge("search", "worker", "--study", At("none.db")).Code);
    }

    [Fact]
    public void WorkersShareAnSqliteStudyAndTakeUpALostOnesTrial() => ShareStudy(At("shared.db"));

    [SkippableFact]
    public void WorkersShareAPostgresStudyAndTakeUpALostOnesTrial()
    {
        using PostgresServer? server = PostgresServer.Start();
        Skip.If(server is null, "PostgreSQL is not installed here");
        ShareStudy(server!.Address);
    }

    private void ShareStudy(string address)
    {
        using IStudyStore store = SqlStudyStore.Open(address);
        Assert.Null(store.Settings);
        // Killed as soon as its first trial is done, in the middle of the second.
        Process first = Start("search", At("tiny.edge"), "--train", At("x.npy"), "--train-labels", At("labels.npy"), "--space", At("slow.json"), "--study", address, "--rungs", "1", "--lease", "1", "--threads", "1", "-o", At("out"));
        for (int wait = 0; wait < 3000 && !(store.Trials() is { Count: > 1 } seen && seen[^1].Result is null) && !first.HasExited; wait++) Thread.Sleep(20);
        // A trial is taken as soon as it is added.
        Thread.Sleep(100);
        first.Kill();
        first.WaitForExit();
        Assert.Contains(store.Trials(), t => t.Result is null);
        Process[] workers = [.. Enumerable.Range(0, 2).Select(_ => Start("search", "worker", "--study", address, "--lease", "1", "--threads", "1"))];
        foreach (Process worker in workers) Assert.True(worker.WaitForExit(60_000));
        Assert.All(workers, w => Assert.Equal(0, w.ExitCode));
        IReadOnlyList<Trial> trials = store.Trials();
        Assert.Equal(4, trials.Count);
        Assert.All(trials, t => Assert.True(t.IsDone, t.Result?.Error));
        Assert.Equal(4, trials.Select(t => t.Key).Distinct().Count());
        Assert.True(store.Retaken >= 1);
    }

    private Outcome Search(string space, string study, params string[] options) =>
        DemoFolder.Edge(["search", At("tiny.edge"), "--train", At("x.npy"), "--train-labels", At("labels.npy"), "--space", At(space), "--study", study, .. options]);

    private string At(string file) => Path.Combine(_folder, file);

    private static Process Start(params string[] args)
    {
        ProcessStartInfo start = new("dotnet", [typeof(SearchVerb).Assembly.Location, .. args]);
        return Process.Start(start)!;
    }
}
