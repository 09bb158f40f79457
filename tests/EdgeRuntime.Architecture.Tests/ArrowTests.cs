using Xunit;

namespace EdgeRuntime.Architecture.Tests;

/// <summary>Which project may refer to which.</summary>
public sealed class ArrowTests
{
    public static TheoryData<string> All => new(Projects.Names);

    [Fact]
    public void EveryProjectHasItsArrows() => Assert.Empty(Projects.Names.Except(Projects.Arrows.Keys));

    [Theory]
    [MemberData(nameof(All))]
    public void ProjectFilesFollowTheArrows(string project) => Assert.Empty(Projects.ProjectReferences(project).Except(Projects.Reachable(project)));

    [Theory]
    [MemberData(nameof(All))]
    public void CompiledReferencesFollowTheArrows(string project)
    {
        IEnumerable<string> own = Projects.AssemblyReferences(project).Where(n => n.StartsWith("EdgeRuntime.", StringComparison.Ordinal)).Select(n => n["EdgeRuntime.".Length..]);
        Assert.Empty(own.Except(Projects.Reachable(project)));
    }

    [Theory]
    [InlineData("Tensors")]
    [InlineData("Kernels")]
    [InlineData("Model")]
    [InlineData("Inference")]
    [InlineData("Sensors")]
    [InlineData("Daemon")]
    public void WhatRunsOnTheBoardUsesTheFrameworkOnly(string project)
    {
        Assert.Empty(Projects.PackageReferences(project));
        Assert.DoesNotContain(Projects.AssemblyReferences(project),
            n => !n.StartsWith("System.", StringComparison.Ordinal) && !n.StartsWith("EdgeRuntime.", StringComparison.Ordinal));
    }

    [Fact]
    public void KernelsUseNoThreadsFilesConsoleOrClocks()
    {
        string[] barred = ["System.IO.", "System.Threading.", "System.Console", "System.DateTime", "System.Diagnostics.Stopwatch", "System.Net.", "System.Random", "System.Runtime.InteropServices.NativeMemory"];
        Assert.DoesNotContain(Projects.TypeReferences("Kernels"), t => barred.Any(b => t.StartsWith(b, StringComparison.Ordinal)));
    }

    [Fact]
    public void TheRuntimeUsesNoReflection()
    {
        // Compiled references don't tell: the JSON generator's code names reflection's types without looking anything up.
        string[] lookups = ["Reflection.Emit", "Activator.", "GetMethod(", "GetProperty(", "GetField(", "GetConstructor(", "MakeGeneric", "new JsonSerializerOptions"];
        Assert.All(Projects.SourceFiles("Inference").Concat(Projects.SourceFiles("Daemon")), f => Assert.DoesNotContain(lookups, l => f.Text.Contains(l, StringComparison.Ordinal)));
    }

    [Fact]
    public void ImportersAndThePackedFormatMeetOnlyAtTheGraph()
    {
        string[] format = ["ModelReader", "ModelWriter", "PackedModel", "FormatConstants"];
        Assert.All(Projects.SourceFiles("Compressor").Where(f => f.Path.Contains("Importers", StringComparison.Ordinal)),
            f => Assert.DoesNotContain(format, name => f.Text.Contains(name, StringComparison.Ordinal)));
        Assert.DoesNotContain(Projects.TypeReferences("Model"), t => t.Contains("Protobuf", StringComparison.Ordinal));
    }

    [Fact]
    public void NoBoardIsNamedInCode()
    {
        string[] boards = ["Raspberry", "BCM27", "pi-zero2w", "\"pi3\"", "\"pi4\"", "\"pi5\""];
        Assert.All(Projects.Names.SelectMany(Projects.SourceFiles), f => Assert.DoesNotContain(boards, b => f.Text.Contains(b, StringComparison.OrdinalIgnoreCase)));
    }

    [Fact]
    public void InstructionSetsAreAskedForInOnePlace()
    {
        // The hash of files is below the kernels, and has variants of its own.
        string[] allowed = ["Sha256.cs", "Sha256Arm.cs", "Sha256Blocks.cs"];
        IEnumerable<string> elsewhere = Projects.Names.Where(p => p != "Kernels").SelectMany(Projects.SourceFiles).Where(f => f.Text.Contains(".IsSupported", StringComparison.Ordinal)).Select(f => Path.GetFileName(f.Path));
        Assert.Empty(elsewhere.Except(allowed));
    }

    [Fact]
    public void NoSourceFileIsLongerThan600Lines() =>
        Assert.All(Projects.Names.SelectMany(Projects.SourceFiles), f => Assert.True(f.Text.AsSpan().Count('\n') <= 600, f.Path));
}
