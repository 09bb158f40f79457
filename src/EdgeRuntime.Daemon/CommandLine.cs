using EdgeRuntime.Inference;

namespace EdgeRuntime.Daemon;

/// <summary>
/// Parses the board program's command line: <c>edged VERB ARGUMENTS OPTIONS</c>. A parser of its own because the usual
/// package would add 2 MB to the executable.
/// </summary>
/// <param name="program">The program's name.</param>
/// <param name="version">Its version.</param>
/// <param name="verbs">What it can do.</param>
public sealed class CommandLine(string program, string version, IReadOnlyList<Verb> verbs)
{
    private static readonly VerbOption Help = new("--help", null, "print this") { Alias = "-h" };

    /// <summary>Parses and runs.</summary>
    /// <param name="args">What was typed.</param>
    /// <param name="output">Results.</param>
    /// <param name="error">Messages.</param>
    /// <param name="isInteractive">Whether a person sees <paramref name="error"/>.</param>
    /// <returns>0 ok, 1 failed, 2 wrong usage or bad input.</returns>
    public int Run(IReadOnlyList<string> args, TextWriter output, TextWriter error, bool isInteractive)
    {
        if (args is [] or ["--help" or "-h" or "help"])
        {
            WriteHelp(output);
            return args.Count == 0 ? 2 : 0;
        }
        if (args is ["--version"])
        {
            output.WriteLine(version);
            return 0;
        }
        if (verbs.FirstOrDefault(v => v.Name == args[0]) is not { } verb)
        {
            error.WriteLine($"{program}: there is no verb '{args[0]}'; one of {string.Join(", ", verbs.Select(v => v.Name))}");
            return 2;
        }
        try
        {
            if (Parse(verb, new(args.Skip(1)), out List<string> arguments) is { } options)
                return verb.Execute(new VerbCall(arguments, options, output, error) { IsInteractive = isInteractive }, program);
        }
        catch (UsageException e)
        {
            error.WriteLine($"{program} {verb.Name}: {e.Message}; see {program} {verb.Name} --help");
            return 2;
        }
        WriteHelp(verb, output);
        return 0;
    }

    /// <summary>The options, or null where help is asked for.</summary>
    private static Dictionary<string, IReadOnlyList<string>>? Parse(Verb verb, Queue<string> rest, out List<string> arguments)
    {
        Dictionary<string, IReadOnlyList<string>> options = new(StringComparer.Ordinal);
        arguments = [];
        bool isLiteral = false;
        while (rest.TryDequeue(out string? word))
        {
            if (isLiteral || word.Length < 2 || word[0] != '-')
            {
                arguments.Add(word);
                continue;
            }
            if (word == "--")
            {
                isLiteral = true;
                continue;
            }
            string[] parts = word.Split('=', 2);
            VerbOption option = OptionsOf(verb).FirstOrDefault(o => parts[0] == o.Name || parts[0] == o.Alias)
                ?? throw new UsageException($"there is no option {parts[0]}");
            if (option == Help) return null;
            Add(options, option, parts.Length == 2 ? parts[1] : null, rest);
        }
        if (verb.Argument is not { } argument)
        {
            if (arguments.Count > 0) throw new UsageException($"'{arguments[0]}' is too much");
        }
        else if (arguments.Count < argument.Minimum) throw new UsageException($"{argument.Name} is missing");
        else if (arguments.Count > argument.Maximum) throw new UsageException($"'{arguments[argument.Maximum]}' is too much");
        return options;
    }

    private static void Add(Dictionary<string, IReadOnlyList<string>> options, VerbOption option, string? value, Queue<string> rest)
    {
        if (option.Value is null)
        {
            if (value is not null) throw new UsageException($"{option.Name} takes no value");
            options[option.Name] = [];
            return;
        }
        if (value is null && !rest.TryDequeue(out value)) throw new UsageException($"{option.Name} needs a value: {option.Value}");
        IReadOnlyList<string> before = options.GetValueOrDefault(option.Name, []);
        if (before.Count > 0 && !option.IsRepeatable) throw new UsageException($"{option.Name} is given twice");
        options[option.Name] = [.. before, value];
    }

    private static IEnumerable<VerbOption> OptionsOf(Verb verb) => [.. verb.Options, Verb.Json, Help];

    private void WriteHelp(TextWriter output)
    {
        output.WriteLine($"{program} {version}: runs packed networks on this board");
        output.WriteLine();
        foreach (Verb v in verbs) output.WriteLine($"  {program} {v.Name,-8} {v.Summary}");
        output.WriteLine();
        output.WriteLine($"{program} VERB --help lists a verb's options; {program} --version prints the version.");
    }

    private void WriteHelp(Verb verb, TextWriter output)
    {
        output.WriteLine($"{program} {verb.Name}{(verb.Argument is { } a ? $" {(a.Minimum == 0 ? $"[{a.Name}]" : a.Name)}{(a.Maximum > 1 ? "…" : "")}" : "")} [options]: {verb.Summary}");
        output.WriteLine();
        if (verb.Argument is { } argument) output.WriteLine($"  {argument.Name,-28} {argument.Help}");
        foreach (VerbOption o in OptionsOf(verb))
            output.WriteLine($"  {(o.Alias is null ? "" : o.Alias + ", ") + o.Name + (o.Value is null ? "" : " " + o.Value),-28} {o.Help}{(o.IsRepeatable ? " (may be repeated)" : "")}");
    }
}
