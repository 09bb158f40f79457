namespace EdgeRuntime.TestSupport;

/// <summary>Finds the folder of real models and data beside the repository; tests skip where it is missing.</summary>
public static class SharedFolder
{
    /// <summary>The folder, or null: <c>EDGE_SHARED</c>, else <c>../shared</c> from the solution's folder.</summary>
    public static string? Root { get; } = Find();

    /// <summary>The repository's root, or null when run from elsewhere.</summary>
    public static string? Repository { get; } = FindUp("EdgeRuntime.sln");

    /// <summary>What a skipped test says.</summary>
    public static string Missing(string relative) => $"needs {relative} of the folder of real models and data (../shared beside the repository, or EDGE_SHARED)";

    /// <summary>The full path of a file or folder there, or null where it is missing.</summary>
    public static string? Locate(string relative)
    {
        if (Root is null) return null;
        string path = Path.Combine(Root, relative);
        return File.Exists(path) || Directory.Exists(path) ? path : null;
    }

    private static string? Find()
    {
        string? named = Environment.GetEnvironmentVariable("EDGE_SHARED");
        string? root = FindUp("EdgeRuntime.sln");
        string? path = !string.IsNullOrEmpty(named) ? named : root is null ? null : Path.Combine(root, "..", "shared");
        return path is not null && Directory.Exists(path) ? Path.GetFullPath(path) : null;
    }

    private static string? FindUp(string file)
    {
        for (string? d = AppContext.BaseDirectory; d is not null; d = Path.GetDirectoryName(d))
            if (File.Exists(Path.Combine(d, file))) return d;
        return null;
    }
}
