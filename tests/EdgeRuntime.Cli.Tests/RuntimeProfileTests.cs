using System.Text;
using System.Text.Json.Nodes;
using EdgeRuntime.Inference;
using EdgeRuntime.Kernels;
using EdgeRuntime.TestSupport;
using Xunit;

namespace EdgeRuntime.Cli.Tests;

/// <summary>The files of runtime-profiles/, their schema and the loader: all three must agree.</summary>
public sealed class RuntimeProfileTests
{
    private static string Folder => Path.Combine(SharedFolder.Repository!, "runtime-profiles");

    private static string SchemaFile => Path.Combine(Folder, "schema.json");

    public static TheoryData<string> Files => new(Directory.GetFiles(Folder, "*.json").Where(f => f != SchemaFile).Select(f => Path.GetFileName(f)).Order());

    /// <summary>Edits that break a valid profile, as «path=JSON»; an empty right side removes the member.</summary>
    public static TheoryData<string> Damage =>
    [
        "name=\"Pi 4\"", "name=", "title=\"\"", "architecture=\"mips\"", "isa=[]", "isa=[\"neon\",\"neon\"]", "isa=[\"sse\"]", "isa=[\"avx2\"]", "cpu=\"\"", "match=[\"\"]",
        "cores=0", "cores=\"4\"", "caches=null", "caches.l1d_kib=0", "caches.line_bytes=8", "caches.l4_kib=1", "clock_mhz.max=", "memory.total_mib=1", "memory.page_bytes=1",
        "threads.count=0", "threads.pin=[-1,0,1,2]", "kernel_overrides={\"x\":\"\"}", "latency.measurements=[{}]", "latency.measurements=[{\"kernel\":\"k\",\"shape\":\"s\",\"threads\":1,\"median_us\":0}]", "surprise=1",
    ];

    [Theory]
    [MemberData(nameof(Files))]
    public void EveryProfileIsValid(string file)
    {
        RuntimeProfile profile = RuntimeProfile.Load(Path.Combine(Folder, file));
        Assert.Equal(Path.GetFileNameWithoutExtension(file), profile.Name);
        Assert.Empty(JsonSchema.Check(JsonNode.Parse(File.ReadAllText(SchemaFile))!, JsonNode.Parse(File.ReadAllText(Path.Combine(Folder, file)))));
        Assert.Equal(profile.Name, RuntimeProfiles.Find(profile.Name).Name);
    }

    [Fact]
    public void TheProgramCarriesThePromisedProfiles() =>
        Assert.Equal(["pi-zero2w", "pi3", "pi4", "pi5", "x64-avx2", "x64-avxvnni"], RuntimeProfiles.All.Select(p => p.Name).Intersect(["pi-zero2w", "pi3", "pi4", "pi5", "x64-avx2", "x64-avxvnni"]));

    [Theory]
    [MemberData(nameof(Damage))]
    public void WhatTheSchemaRefusesTheLoaderRefuses(string edit)
    {
        JsonNode profile = JsonNode.Parse(File.ReadAllText(Path.Combine(Folder, "pi4.json")))!;
        string[] parts = edit.Split('=', 2), path = parts[0].Split('.');
        JsonObject owner = (JsonObject)path[..^1].Aggregate(profile, (node, name) => node[name]!);
        if (parts[1].Length == 0) owner.Remove(path[^1]);
        else owner[path[^1]] = JsonNode.Parse(parts[1]);
        // That ARM has no AVX2 is beyond a schema.
        if (edit != "isa=[\"avx2\"]") Assert.NotEmpty(JsonSchema.Check(JsonNode.Parse(File.ReadAllText(SchemaFile))!, profile));
        Assert.Throws<RuntimeProfileException>(() => RuntimeProfile.Parse(Encoding.UTF8.GetBytes(profile.ToJsonString()), "pi4.json"));
    }

    [Theory]
    [InlineData("Raspberry Pi 5 Model B Rev 1.0", CpuFeature.Neon | CpuFeature.NeonDot, "arm64", "pi5")]
    [InlineData("Raspberry Pi Zero 2 W Rev 1.0", CpuFeature.Neon, "arm64", "pi-zero2w")]
    [InlineData("", CpuFeature.Avx2, "x64", "x64-avx2")]
    [InlineData("", CpuFeature.Avx2 | CpuFeature.AvxVnni, "x64", "x64-avxvnni")]
    [InlineData("", CpuFeature.None, "x64", null)]
    public void TheMachineFindsItsProfile(string board, CpuFeature set, string architecture, string? expected)
    {
        SystemInfo machine = SystemInfo.Read() with { Board = board, Architecture = architecture };
        Assert.Equal(expected, RuntimeProfiles.ForMachine(machine, new CpuFeatures(set))?.Name);
    }

    [Fact]
    public void AnUnknownProfileNamesTheKnownOnes()
    {
        RuntimeProfileException e = Assert.Throws<RuntimeProfileException>(() => RuntimeProfiles.Find("pi9"));
        Assert.Contains("pi4", e.Message, StringComparison.Ordinal);
    }
}
