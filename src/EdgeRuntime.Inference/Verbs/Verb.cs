using EdgeRuntime.Model;

namespace EdgeRuntime.Inference;

/// <summary>An option of a verb.</summary>
/// <param name="Name">With its dashes.</param>
/// <param name="Value">What stands for its value in the help; null for a switch.</param>
/// <param name="Help">One line.</param>
public sealed record VerbOption(string Name, string? Value, string Help)
{
    /// <summary>Whether it may be given several times.</summary>
    public bool IsRepeatable { get; init; }

    /// <summary>Whether it names a file that the verb writes: <see cref="VerbCall.CheckWritten"/> looks at it before the work; by <see cref="NamedFiles"/> if it may be given several times.</summary>
    public bool IsWritten { get; init; }

    /// <summary>A second, shorter name.</summary>
    public string? Alias { get; init; }
}

/// <summary>The positional arguments of a verb.</summary>
/// <param name="Name">What stands for them in the help.</param>
/// <param name="Help">One line.</param>
/// <param name="Minimum">How many at least.</param>
/// <param name="Maximum">How many at most.</param>
public sealed record VerbArgument(string Name, string Help, int Minimum, int Maximum);

/// <summary>
/// A verb of the programs <c>edge</c> and <c>edged</c>: it describes its arguments and options once, and each program
/// parses them in its own way.
/// </summary>
public abstract class Verb
{
    /// <summary>The switch that every verb has.</summary>
    public static readonly VerbOption Json = new("--json", null, "print JSON in place of tables");

    /// <summary>What the user types.</summary>
    public abstract string Name { get; }

    /// <summary>One line for the help.</summary>
    public abstract string Summary { get; }

    /// <summary>Positional arguments; null for none.</summary>
    public virtual VerbArgument? Argument => null;

    /// <summary>Options other than <see cref="Json"/>.</summary>
    public abstract IReadOnlyList<VerbOption> Options { get; }

    /// <summary>Does the work.</summary>
    /// <returns>0, or 1 where the work was done and found something wrong.</returns>
    /// <exception cref="UsageException">Arguments or options make no sense.</exception>
    /// <exception cref="ModelException">A model, or data given to it, can't be used.</exception>
    /// <exception cref="IOException">A file can't be read or written.</exception>
    public abstract int Run(VerbCall call);

    /// <summary>Runs the verb and turns errors into messages.</summary>
    /// <returns>0 ok, 1 failed, 2 wrong usage or bad input.</returns>
    public int Execute(VerbCall call, string program)
    {
        try
        {
            foreach (VerbOption option in Options.Where(o => o is { IsWritten: true, IsRepeatable: false }))
                if (call.Text(option.Name) is { } file) call.CheckWritten(option, file);
            return Run(call);
        }
        catch (UsageException e)
        {
            call.Error.WriteLine($"{program} {Name}: {e.Message}; see {program} {Name} --help");
            return 2;
        }
        catch (Exception e) when (e is ModelException or FileNotFoundException or DirectoryNotFoundException or UnauthorizedAccessException)
        {
            bool isNamed = call.CurrentFile is not { } file || e.Message.Contains(Path.GetFileName(file), StringComparison.Ordinal);
            call.Error.WriteLine($"{program} {Name}: {(isNamed ? "" : call.CurrentFile + ": ")}{e.Message}");
            return 2;
        }
        catch (IOException e)
        {
            call.Error.WriteLine($"{program} {Name}: {e.Message}");
            return 1;
        }
    }
}

/// <summary>The command line asks for something that makes no sense.</summary>
public sealed class UsageException : Exception
{
    /// <summary>Creates the error.</summary>
    /// <param name="message">What is wrong and what to give instead.</param>
    public UsageException(string message) : base(message) { }
}
