using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using EdgeRuntime.Model;

namespace EdgeRuntime.Inference;

/// <summary>One call of a verb: what was typed, and where to print.</summary>
public sealed class VerbCall
{
    private readonly IReadOnlyDictionary<string, IReadOnlyList<string>> _options;

    /// <summary>Creates a call.</summary>
    /// <param name="arguments">Positional arguments.</param>
    /// <param name="options">Values by option name; a switch that was given has no values.</param>
    /// <param name="output">Results.</param>
    /// <param name="error">Messages.</param>
    public VerbCall(IReadOnlyList<string> arguments, IReadOnlyDictionary<string, IReadOnlyList<string>> options, TextWriter output, TextWriter error)
    {
        Arguments = arguments;
        _options = options;
        Output = output;
        Error = error;
    }

    /// <summary>Positional arguments.</summary>
    public IReadOnlyList<string> Arguments { get; }

    /// <summary>Where results go.</summary>
    public TextWriter Output { get; }

    /// <summary>Where messages go.</summary>
    public TextWriter Error { get; }

    /// <summary>Whether progress may be shown on <see cref="Error"/>, because a person is looking.</summary>
    public bool IsInteractive { get; init; }

    /// <summary>The file being worked on, for messages that don't name one.</summary>
    public string? CurrentFile { get; set; }

    /// <summary>Whether results are to be JSON.</summary>
    public bool IsJson => Has(Verb.Json.Name);

    /// <summary>Whether the option was given.</summary>
    public bool Has(string option) => _options.ContainsKey(option);

    /// <summary>All values of an option, in order.</summary>
    public IReadOnlyList<string> All(string option) => _options.TryGetValue(option, out var values) ? values : [];

    /// <summary>The value of an option, or null where it was not given.</summary>
    public string? Text(string option) => All(option) is [.., string last] ? last : null;

    /// <summary>The value of an option that must be given.</summary>
    /// <exception cref="UsageException">It was not.</exception>
    public string Required(string option) => Text(option) ?? throw new UsageException($"{option} is missing");

    /// <summary>An integer option of at least <paramref name="minimum"/>.</summary>
    /// <exception cref="UsageException">It is no such integer.</exception>
    public int Int(string option, int fallback, int minimum = 0)
    {
        if (Text(option) is not { } text) return fallback;
        return int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value) && value >= minimum ? value
            : throw new UsageException($"{option} is '{text}'; an integer of at least {minimum} expected");
    }

    /// <summary>A positive number.</summary>
    /// <exception cref="UsageException">It is none.</exception>
    public double? Positive(string option)
    {
        if (Text(option) is not { } text) return null;
        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && value > 0 && double.IsFinite(value) ? value
            : throw new UsageException($"{option} is '{text}'; a number above 0 expected");
    }

    /// <summary>Integers separated by commas; empty where the option was not given.</summary>
    /// <exception cref="UsageException">One is not an integer of at least 0.</exception>
    public int[] Ints(string option)
    {
        string[] parts = Text(option)?.Split(',', StringSplitOptions.TrimEntries) ?? [];
        int[] values = new int[parts.Length];
        for (int i = 0; i < parts.Length; i++)
            if (!int.TryParse(parts[i], NumberStyles.None, CultureInfo.InvariantCulture, out values[i]))
                throw new UsageException($"{option}: '{parts[i]}' is no integer; give numbers separated by commas");
        return values;
    }

    /// <summary>Fails early, before work that may take hours, where <paramref name="file"/> can't be written or would replace a model that is read.</summary>
    /// <exception cref="UsageException">It is nothing, a folder, or one of the <see cref="Arguments"/>.</exception>
    /// <exception cref="DirectoryNotFoundException">There is no folder for it.</exception>
    public void CheckWritten(VerbOption option, string file)
    {
        if (file.Length == 0) throw new UsageException($"{option.Name} names no file");
        if (Directory.Exists(file)) throw new UsageException($"{option.Name} {file} is a folder; name a file in it");
        if (Arguments.Any(a => a.Length > 0 && Path.GetFullPath(a) == Path.GetFullPath(file))) throw new UsageException($"{option.Name} {file} would replace the model that is read; give another name");
        AtomicFile.CheckFolder(file);
    }

    /// <summary>Prints a value as JSON.</summary>
    public void WriteJson<T>(T value, JsonTypeInfo<T> type) => Output.WriteLine(JsonSerializer.Serialize(value, type));

    /// <summary>Shows how far the work has come, on one line that is written over; nothing where no person is looking.</summary>
    public void Progress(string text)
    {
        if (IsInteractive) Error.Write($"\r\e[K{text}");
    }
}
