using Xunit;

namespace EdgeRuntime.Compressor.Tests;

/// <summary>Finds the folder of real networks and data that stands beside the repository.</summary>
internal static class SharedFiles
{
    /// <summary>The folder, or null where it is not there.</summary>
    public static string? Root { get; } = Find();

    /// <summary>A file or folder in it; skips the test where it is missing.</summary>
    public static string Path(params string[] parts)
    {
        string path = System.IO.Path.Combine([Root ?? "../shared", .. parts]);
        Skip.IfNot(Root is not null && (File.Exists(path) || Directory.Exists(path)), $"{path} is missing (EDGE_SHARED names its folder)");
        return path;
    }

    private static string? Find()
    {
        if (Environment.GetEnvironmentVariable("EDGE_SHARED") is { Length: > 0 } given) return given;
        for (DirectoryInfo? d = new(AppContext.BaseDirectory); d is not null; d = d.Parent)
        {
            if (!File.Exists(System.IO.Path.Combine(d.FullName, "EdgeRuntime.sln"))) continue;
            string shared = System.IO.Path.GetFullPath(System.IO.Path.Combine(d.FullName, "..", "shared"));
            return Directory.Exists(shared) ? shared : null;
        }
        return null;
    }
}
