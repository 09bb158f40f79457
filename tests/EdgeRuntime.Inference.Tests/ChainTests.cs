using System.Runtime.InteropServices;
using EdgeRuntime.Kernels;
using EdgeRuntime.Model;
using Xunit;

namespace EdgeRuntime.Inference.Tests;

/// <summary>Layers run band by band as one step give what they give one by one.</summary>
public sealed class ChainTests
{
    /// <summary>Caches so small that every chain is cut into many bands, and some between.</summary>
    private static readonly CacheSizes[] Caches = [new(64, 256, 0), new(1024, 4096, 0), CacheSizes.Default];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void FusedIntegersAreTheSame(int threads)
    {
        for (int seed = 0; seed < 150; seed++)
        {
            Graph graph = ChainGraphs.Create(seed, isInt8: true);
            byte[] expected = Run(graph, seed, new SessionOptions { Fusion = ChainFusion.Off });
            byte[] actual = Run(graph, seed, new SessionOptions { Fusion = ChainFusion.Always, Threads = threads, Caches = Caches[seed % Caches.Length] });
            Assert.True(expected.AsSpan().SequenceEqual(actual), $"seed {seed}: byte {expected.AsSpan().CommonPrefixLength(actual)} of {expected.Length}");
        }
    }

    [Theory]
    [InlineData(1, "")]
    [InlineData(2, "")]
    [InlineData(4, "")]
    [InlineData(1, "portable")]
    public void FusedFloatsAgree(int threads, string cpu)
    {
        CpuFeatures? features = cpu.Length == 0 ? null : CpuFeatures.Parse(cpu);
        for (int seed = 0; seed < 150; seed++)
        {
            Graph graph = ChainGraphs.Create(seed, isInt8: false);
            SessionOptions plain = new() { Fusion = ChainFusion.Off, Cpu = features }, fused = plain with { Fusion = ChainFusion.Always, Threads = threads, Caches = Caches[seed % Caches.Length] };
            float[] expected = MemoryMarshal.Cast<byte, float>(Run(graph, seed, plain)).ToArray(), actual = MemoryMarshal.Cast<byte, float>(Run(graph, seed, fused)).ToArray();
            // A row that is alone in its band, and tiles of transform methods, sum in another order.
            float scale = expected.Max(MathF.Abs);
            for (int i = 0; i < expected.Length; i++)
                Assert.True(MathF.Abs(expected[i] - actual[i]) <= 1e-5f * scale, $"seed {seed}, output {i}: {actual[i]}, not {expected[i]}");
        }
    }

    [Fact]
    public void TheIntermediateTakesNoArenaAndTheStepShowsAllItsNodes()
    {
        Graph graph = ChainGraphs.LowRank(28, 128, 32, isInt8: true);
        using InferenceSession apart = new(graph, new SessionOptions { Fusion = ChainFusion.Off }), fused = new(graph, new SessionOptions { Fusion = ChainFusion.Always });
        StepInfo step = Assert.Single(fused.Steps);
        Assert.Equal(["reduce", "core", "expand"], step.Nodes.Select(n => n.Name));
        Assert.Equal("reduce > core > expand", step.Name);
        Assert.Equal(2, step.KernelId.Count(c => c == '>'));
        Assert.Equal(28 * 28 * 128 * 2, fused.ArenaBytes);
        Assert.True(fused.ArenaBytes < apart.ArenaBytes);
        Assert.Equal(apart.WeightBytes, fused.WeightBytes);
    }

    [Fact]
    public void WhatOthersReadIsNotFused()
    {
        Graph graph = ChainGraphs.LowRank(6, 8, 4, isInt8: true);
        graph.Outputs.Add(graph.Nodes[0].Output);
        using InferenceSession session = new(graph, new SessionOptions { Fusion = ChainFusion.Always }), kept = new(graph, new SessionOptions { Fusion = ChainFusion.Always, KeepIntermediates = true });
        Assert.Equal([1, 2], session.Steps.Select(s => s.Nodes.Count));
        Assert.Equal(3, kept.Steps.Count);
    }

    [Fact]
    public void FusedRunsAllocateNothing()
    {
        using InferenceSession session = new(ChainGraphs.LowRank(28, 32, 8, isInt8: true), new SessionOptions { Fusion = ChainFusion.Always, Caches = Caches[0] });
        session.Run();
        long before = GC.GetAllocatedBytesForCurrentThread();
        session.Run();
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    private static byte[] Run(Graph graph, int seed, SessionOptions options)
    {
        using InferenceSession session = new(graph, options);
        if (options.Fusion == ChainFusion.Always) Assert.Single(session.Steps, s => s.Nodes.Count > 1);
        RandomGraphs.FillInputs(session, seed);
        session.Run();
        session.Run();
        return session.OutputBytes(0).ToArray();
    }
}
