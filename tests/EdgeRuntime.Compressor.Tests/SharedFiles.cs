using EdgeRuntime.TestSupport;
using Xunit;

namespace EdgeRuntime.Compressor.Tests;

/// <summary>Files of the folder of real networks and data; a test that asks for one that is missing is skipped.</summary>
internal static class SharedFiles
{
    /// <summary>The folder, or null where it is not there.</summary>
    public static string? Root => SharedFolder.Root;

    /// <summary>A file or folder in it; skips the test where it is missing.</summary>
    public static string Path(params string[] parts)
    {
        string relative = System.IO.Path.Combine(parts);
        string? path = SharedFolder.Locate(relative);
        Skip.If(path is null, SharedFolder.Missing(relative));
        return path!;
    }
}
