using EdgeRuntime.Tensors;

namespace EdgeRuntime.Model;

/// <summary>The sizes of an <see cref="OperatorType.Lstm"/> or <see cref="OperatorType.Gru"/> node.</summary>
/// <param name="Steps">T, the length of the sequence.</param>
/// <param name="Batch">N, sequences side by side.</param>
/// <param name="InputSize">I, elements of one step.</param>
/// <param name="HiddenSize">H, units of one direction.</param>
/// <param name="Directions">D: 1 or 2.</param>
/// <param name="Gates">4 of an LSTM, 3 of a GRU.</param>
/// <param name="InputRank">Rank of W where it is given as two factors, else 0.</param>
/// <param name="RecurrentRank">Rank of R where it is given as two factors, else 0.</param>
public sealed record RecurrentShape(int Steps, int Batch, int InputSize, int HiddenSize, int Directions, int Gates, int InputRank, int RecurrentRank)
{
    /// <summary>Positions of the inputs.</summary>
    public const int W = 1, R = 2, Bias = 3, RecurrentBias = 4, FirstHidden = 5, FirstCell = 6, W2 = 7, R2 = 8;

    /// <summary>Inputs of a node that has all of them.</summary>
    public const int MaxInputs = 9;

    /// <summary>Positions of the outputs.</summary>
    public const int Y = 0, LastHidden = 1, LastCell = 2;

    /// <summary>Rows of W and R: gates of all units of all directions.</summary>
    public int Rows => Directions * Gates * HiddenSize;

    /// <summary>Shape of a first or last state.</summary>
    public TensorShape State => new(Directions, Batch, HiddenSize);

    /// <summary>Products of one run.</summary>
    public long MultiplyAccumulates => (long)Steps * Batch * Directions
        * (Product(InputSize, InputRank) + Product(HiddenSize, RecurrentRank));

    /// <summary>The sizes of <paramref name="node"/>, everything about them checked.</summary>
    /// <exception cref="ModelException">Inputs or attributes don't fit each other.</exception>
    public static RecurrentShape Of(Node node)
    {
        TensorShape x = node.Input(0).Shape, w = node.Input(W).Shape, r = node.Input(R).Shape;
        TensorShape? w2 = node.OptionalInput(W2)?.Shape, r2 = node.OptionalInput(R2)?.Shape;
        bool lstm = node.Type == OperatorType.Lstm;
        int gates = lstm ? 4 : 3, direction = node.Attributes.Int("direction"), directions = direction == 2 ? 2 : 1;
        if (direction is < 0 or > 2) throw Bad(node, $"direction {direction} is none of 0, 1, 2");
        if (x.Rank != 3 || w.Rank != 2 || r.Rank != 2 || w2 is { Rank: not 2 } || r2 is { Rank: not 2 })
            throw Bad(node, $"input {x} must have rank 3, weights {w} and {r} and their factors rank 2");
        int hidden = r2?[1] ?? r[1];
        RecurrentShape s = new(x[0], x[1], x[2], hidden, directions, gates, w2 is null ? 0 : w[1], r2 is null ? 0 : r[1]);
        Require(node, W, new TensorShape(s.Rows, s.InputRank > 0 ? s.InputRank : s.InputSize));
        Require(node, R, new TensorShape(s.Rows, s.RecurrentRank > 0 ? s.RecurrentRank : hidden));
        Require(node, W2, new TensorShape(directions * s.InputRank, s.InputSize));
        Require(node, R2, new TensorShape(directions * s.RecurrentRank, hidden));
        Require(node, Bias, new TensorShape(s.Rows));
        Require(node, RecurrentBias, new TensorShape(s.Rows));
        Require(node, FirstHidden, s.State);
        Require(node, FirstCell, s.State);
        if (!lstm && node.OptionalInput(FirstCell) is not null) throw Bad(node, "a GRU has no cell");
        ReadOnlySpan<int> lengths = node.Attributes.Ints("lengths");
        if (lengths.Length != 0 && lengths.Length != s.Batch) throw Bad(node, $"{lengths.Length} lengths for {s.Batch} sequences");
        foreach (int length in lengths)
            if (length < 0 || length > s.Steps) throw Bad(node, $"a sequence of {length} among {s.Steps} steps");
        if (node.Attributes.Int("cell_exponent") is < -15 or > 0) throw Bad(node, $"cell_exponent {node.Attributes.Int("cell_exponent")} is not in [-15, 0]");
        return s;
    }

    /// <summary>The shapes of the first <paramref name="count"/> outputs.</summary>
    internal TensorShape[] Outputs(int count) =>
        [.. new[] { new TensorShape(Steps, Batch, Directions * HiddenSize), State, State }.Take(count)];

    private static void Require(Node node, int input, TensorShape shape)
    {
        if (node.OptionalInput(input) is { } value && value.Shape != shape) throw Bad(node, $"input {input}, {value.Name}, is {value.Shape}, not {shape}");
    }

    private long Product(int depth, int rank) => rank == 0 ? (long)Gates * HiddenSize * depth : (long)rank * (Gates * HiddenSize + depth);

    private static ModelException Bad(Node node, string message) => new(ModelErrorKind.InvalidGraph, node.ToString(), message);
}
