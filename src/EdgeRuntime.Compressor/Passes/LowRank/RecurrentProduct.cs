using EdgeRuntime.Model;

namespace EdgeRuntime.Compressor;

/// <summary>One of the two products of a recurrent layer, that with the input or that with the hidden state, and what ranks cost it.</summary>
internal sealed class RecurrentProduct
{
    private readonly InputMoments? _moments;
    private readonly Action<Graph, Node, IReadOnlyList<Factors>, InputMoments?> _replace;
    private readonly double[] _energies;

    private RecurrentProduct(string name, Node node, Matrix[] weights, InputMoments? moments, Action<Graph, Node, IReadOnlyList<Factors>, InputMoments?> replace)
    {
        (Name, _moments, _replace) = (name, moments, replace);
        RecurrentShape s = RecurrentShape.Of(node);
        Size = new LayerSize(1, 1, s.Steps * s.Batch, weights[0].Columns, 1, s.Steps * s.Batch, weights[0].Rows, 1, 1);
        Matrix[] weighed = [.. weights.Select(w => moments?.Weigh(w) ?? w)];
        Forms = [.. weighed.Select(w => new ChannelForm(Size, w))];
        _energies = [.. weighed.Select(w => w.Energy())];
    }

    /// <summary>«input» or «state».</summary>
    public string Name { get; }

    /// <summary>The size of one direction's product.</summary>
    public LayerSize Size { get; }

    /// <summary>Its factors, one for each direction that has weights of its own.</summary>
    public IReadOnlyList<ChannelForm> Forms { get; }

    /// <summary>
    /// Both products of <paramref name="node"/>. The states of two directions have no moments of their own: then neither product is weighed,
    /// as errors of the two are compared.
    /// </summary>
    public static RecurrentProduct[] Of(Node node, Dictionary<ValueInfo, InputMoments> moments)
    {
        (Matrix input, Matrix[] hidden) = RecurrentFactors.Matrices(node);
        InputMoments? Moments(ValueInfo value) => hidden.Length == 1 ? moments.GetValueOrDefault(value) : null;
        return [new("input", node, [input], Moments(node.Input(0)), RecurrentFactors.ReplaceInput), new("state", node, hidden, Moments(node.Output), RecurrentFactors.ReplaceHidden)];
    }

    /// <summary>Multiplies at a rank, or of the whole product.</summary>
    public long Macs(int? rank) => Forms.Count * (rank is { } r ? Forms[0].Macs([r]) : Size.Macs);

    /// <summary>Squared error at a rank; nothing where it stays whole.</summary>
    public double Lost(int? rank) => rank is { } r ? Forms.Zip(_energies, (f, energy) => f.Error(r) * f.Error(r) * energy).Sum() : 0;

    /// <summary>Puts factors of this rank into the network.</summary>
    public void Replace(Graph graph, Node node, int rank) => _replace(graph, node, [.. Forms.Select(f => f.Split([rank]))], _moments);
}
