using System.CommandLine;
using System.CommandLine.Parsing;
using EdgeRuntime.Inference;

namespace EdgeRuntime.Cli;

/// <summary>Turns verbs into commands of System.CommandLine.</summary>
/// <param name="program">The program's name.</param>
/// <param name="summary">One line for the help.</param>
/// <param name="verbs">What it can do.</param>
public sealed class CommandLine(string program, string summary, IReadOnlyList<Verb> verbs)
{
    /// <summary>Parses and runs.</summary>
    /// <param name="args">What was typed.</param>
    /// <param name="output">Results.</param>
    /// <param name="error">Messages.</param>
    /// <param name="isInteractive">Whether a person sees <paramref name="error"/>.</param>
    /// <returns>0 ok, 1 failed, 2 wrong usage or bad input.</returns>
    public int Run(IReadOnlyList<string> args, TextWriter output, TextWriter error, bool isInteractive)
    {
        RootCommand root = new(summary);
        foreach (Verb verb in verbs) root.Add(CommandOf(verb, output, error, isInteractive));
        ParseResult parsed = root.Parse(args);
        if (parsed.Errors.Count > 0)
        {
            string verb = parsed.CommandResult.Command is RootCommand ? "" : " " + parsed.CommandResult.Command.Name;
            foreach (ParseError e in parsed.Errors) error.WriteLine($"{program}{verb}: {e.Message}");
            error.WriteLine($"see {program}{verb} --help");
            return 2;
        }
        return parsed.Invoke(new InvocationConfiguration { Output = output, Error = error, EnableDefaultExceptionHandler = false });
    }

    private Command CommandOf(Verb verb, TextWriter output, TextWriter error, bool isInteractive)
    {
        Command command = new(verb.Name, verb.Summary);
        Argument<string[]>? argument = null;
        // The library parses arrays only where two elements are allowed, so the true limit is checked in the action.
        if (verb.Argument is { } a)
            command.Add(argument = new Argument<string[]>(a.Name) { Description = a.Help, Arity = new ArgumentArity(a.Minimum, Math.Max(a.Maximum, 2)) });
        List<(VerbOption Option, Option Parsed)> options = [];
        foreach (VerbOption o in (IEnumerable<VerbOption>)[.. verb.Options, Verb.Json])
        {
            Option parsed = o.Value is null ? new Option<bool>(o.Name) : o.IsRepeatable ? new Option<string[]>(o.Name) : new Option<string>(o.Name);
            if (o.Value is not null) parsed.HelpName = o.Value;
            parsed.Description = o.IsRepeatable ? o.Help + " (may be repeated)" : o.Help;
            if (o.Alias is { } alias) parsed.Aliases.Add(alias);
            command.Add(parsed);
            options.Add((o, parsed));
        }
        command.SetAction(result =>
        {
            Dictionary<string, IReadOnlyList<string>> values = new(StringComparer.Ordinal);
            foreach (var (option, parsed) in options)
                if (result.GetResult(parsed) is { Implicit: false } found) values[option.Name] = [.. found.Tokens.Select(t => t.Value)];
            string[] arguments = argument is null ? [] : result.GetValue(argument) ?? [];
            if (arguments.Length > verb.Argument?.Maximum)
            {
                error.WriteLine($"{program} {verb.Name}: '{arguments[verb.Argument.Maximum]}' is too much; see {program} {verb.Name} --help");
                return 2;
            }
            return verb.Execute(new VerbCall(arguments, values, output, error) { IsInteractive = isInteractive }, program);
        });
        return command;
    }
}
