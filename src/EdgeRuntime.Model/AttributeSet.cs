using System.Diagnostics.CodeAnalysis;

namespace EdgeRuntime.Model;

/// <summary>Named attributes of a node, each an int, a float, an int list or a text; kept in name order.</summary>
public sealed class AttributeSet
{
    private readonly SortedDictionary<string, object> _values = new(StringComparer.Ordinal);

    /// <summary>Number of attributes.</summary>
    public int Count => _values.Count;

    /// <summary>Name and value (int, float, int[] or string), in name order.</summary>
    public IEnumerable<KeyValuePair<string, object>> Entries => _values;

    /// <summary>Whether the attribute is there.</summary>
    public bool Contains(string name) => _values.ContainsKey(name);

    /// <summary>Sets an integer.</summary>
    public AttributeSet Set(string name, int value) => Put(name, value);

    /// <summary>Sets a float.</summary>
    public AttributeSet Set(string name, float value) => Put(name, value);

    /// <summary>Sets a list of integers.</summary>
    public AttributeSet Set(string name, params int[] value) => Put(name, value);

    /// <summary>Sets a text.</summary>
    public AttributeSet Set(string name, string value) => Put(name, value);

    /// <summary>Removes an attribute, if there.</summary>
    public void Remove(string name) => _values.Remove(name);

    /// <summary>The integer, or <paramref name="fallback"/> where absent.</summary>
    public int Int(string name, int fallback = 0) => Get(name, out int v) ? v : fallback;

    /// <summary>The float, or <paramref name="fallback"/> where absent.</summary>
    public float Float(string name, float fallback = 0) => Get(name, out float v) ? v : fallback;

    /// <summary>The integers, or an empty list where absent.</summary>
    public ReadOnlySpan<int> Ints(string name) => Get(name, out int[]? v) ? v : [];

    /// <summary>The text, or <paramref name="fallback"/> where absent.</summary>
    public string Text(string name, string fallback = "") => Get(name, out string? v) ? v : fallback;

    /// <summary>A copy that can be changed on its own.</summary>
    public AttributeSet Clone()
    {
        AttributeSet copy = new();
        foreach (var (name, value) in _values) copy._values[name] = value is int[] list ? list.ToArray() : value;
        return copy;
    }

    private AttributeSet Put(string name, object value)
    {
        _values[name] = value;
        return this;
    }

    private bool Get<T>(string name, [NotNullWhen(true)] out T? value)
    {
        value = default;
        if (!_values.TryGetValue(name, out object? found)) return false;
        if (found is not T typed)
            throw new ModelException(ModelErrorKind.InvalidGraph, name, $"the attribute holds {found.GetType().Name}, not {typeof(T).Name}");
        value = typed;
        return true;
    }
}
