namespace EdgeRuntime.Benchmarks;

/// <summary>Reads options of subcommands.</summary>
internal static class Options
{
    /// <summary>The word behind <paramref name="name"/>, or null.</summary>
    public static string? Text(string[] args, string name) => Array.IndexOf(args, name) is >= 0 and int at && at + 1 < args.Length ? args[at + 1] : null;
}
