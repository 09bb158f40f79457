namespace EdgeRuntime.Model;

/// <summary>One operator application. Absent optional inputs are null.</summary>
public sealed class Node
{
    /// <summary>Creates a node.</summary>
    public Node(OperatorType type, string name, IEnumerable<ValueInfo?> inputs, IEnumerable<ValueInfo> outputs, AttributeSet? attributes = null)
    {
        Type = type;
        Name = name;
        Inputs = [.. inputs];
        Outputs = [.. outputs];
        Attributes = attributes ?? new AttributeSet();
    }

    /// <summary>What it computes.</summary>
    public OperatorType Type { get; set; }

    /// <summary>The source network's name for it; for messages.</summary>
    public string Name { get; set; }

    /// <summary>Inputs in the operator's order.</summary>
    public List<ValueInfo?> Inputs { get; }

    /// <summary>Outputs in the operator's order.</summary>
    public List<ValueInfo> Outputs { get; }

    /// <summary>Attributes, as the operator's schema lists them.</summary>
    public AttributeSet Attributes { get; }

    /// <summary>Input <paramref name="index"/>, which must be present.</summary>
    public ValueInfo Input(int index) => Inputs.ElementAtOrDefault(index)
        ?? throw new ModelException(ModelErrorKind.InvalidGraph, Name, $"{Type} has no input {index}");

    /// <summary>Input <paramref name="index"/>, or null where absent.</summary>
    public ValueInfo? OptionalInput(int index) => Inputs.ElementAtOrDefault(index);

    /// <summary>The first output.</summary>
    public ValueInfo Output => Outputs[0];

    /// <summary>For messages.</summary>
    public override string ToString() => $"{Name} ({Type})";
}
