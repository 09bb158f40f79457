using EdgeRuntime.Model;

namespace EdgeRuntime.Inference;

/// <summary>Options of the form <c>[NAME=]FILE</c>, which give files to the inputs or outputs of a network.</summary>
public static class NamedFiles
{
    /// <summary>The file of each value, null where none was given. A file without name belongs to the only value.</summary>
    /// <exception cref="UsageException">A name is unknown, missing or given twice.</exception>
    /// <exception cref="DirectoryNotFoundException">There is no folder for a file that is to be written.</exception>
    public static string?[] Assign(VerbCall call, VerbOption option, IReadOnlyList<ValueInfo> values)
    {
        string?[] files = new string?[values.Count];
        foreach (string text in call.All(option.Name))
        {
            // Names may hold '=' and files too: the longest name that fits wins.
            int index = values.Count == 1 ? 0 : -1, name = 0;
            for (int i = 0; i < values.Count; i++)
                if (text.StartsWith(values[i].Name + "=", StringComparison.Ordinal) && values[i].Name.Length + 1 > name) (index, name) = (i, values[i].Name.Length + 1);
            // A lone value needs no name, but where no such file is to be read, the '=' most likely stood behind a wrong one.
            if (index < 0 || (name == 0 && !option.IsWritten && text.Contains('=', StringComparison.Ordinal) && !File.Exists(text))) throw new UsageException($"{option.Name} '{text}': give NAME=FILE with one of the names {string.Join(", ", values.Select(v => v.Name))}");
            if (files[index] is not null) throw new UsageException($"{option.Name}: {values[index].Name} is given twice");
            files[index] = text[name..];
            if (option.IsWritten) call.CheckWritten(option, text[name..]);
        }
        return files;
    }
}
