using System.Globalization;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Model;

/// <summary>Kinds of pattern that a constant's zeros follow.</summary>
public enum SparsityKind
{
    /// <summary>Anywhere.</summary>
    Unstructured,

    /// <summary>At most n of every m neighbours in a row are not 0.</summary>
    NM,

    /// <summary>Whole blocks of rows × columns are 0.</summary>
    Block,
}

/// <summary>
/// Where a constant's zeros lie. The constant is seen as a matrix: its first axis gives the rows (output channels of
/// weights), all others together the columns (the reduction axis: kH·kW·C, channels innermost). Groups of m and blocks
/// start at row 0 and column 0; those at the edges may be cut off.
/// </summary>
/// <param name="Kind">The kind of pattern.</param>
/// <param name="First">n of n:m; rows (output channels) of a block; else 1.</param>
/// <param name="Second">m of n:m; columns (reduction axis) of a block; else 1.</param>
public sealed record Sparsity(SparsityKind Kind, int First, int Second)
{
    /// <summary>The largest m, and the largest side of a block.</summary>
    public const int MaxSide = 16;

    /// <summary>Zeros anywhere.</summary>
    public static Sparsity Unstructured { get; } = new(SparsityKind.Unstructured, 1, 1);

    /// <summary>Parses <c>unstructured</c>, <c>2:4</c> (n:m), <c>1x4</c> (rows × columns).</summary>
    /// <exception cref="FormatException">It is none of these.</exception>
    public static Sparsity Parse(string text)
    {
        if (text == "unstructured") return Unstructured;
        char separator = text.Contains(':', StringComparison.Ordinal) ? ':' : 'x';
        string[] parts = text.Split(separator);
        if (parts.Length == 2 && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int first)
            && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int second))
        {
            Sparsity sparsity = new(separator == ':' ? SparsityKind.NM : SparsityKind.Block, first, second);
            if (sparsity.SideFault() is null) return sparsity;
        }
        throw new FormatException($"'{text}' is no pattern of zeros; known: unstructured, n:m such as 2:4, rows (output channels) x columns (reduction) such as 1x4, sides up to {MaxSide}");
    }

    /// <summary>The matrix that a constant of <paramref name="shape"/> is seen as.</summary>
    public static (int Rows, int Columns) MatrixOf(TensorShape shape) => shape.Rank == 0 ? (1, 1)
        : (shape[0], checked((int)shape.CountOf(1, shape.Rank)));

    /// <summary>Whether all elements outside the pattern are 0 (all their bits are: −0 is not).</summary>
    public bool Fits(Tensor constant)
    {
        if (Kind != SparsityKind.NM) return true;
        (int rows, int columns) = MatrixOf(constant.Shape);
        SparseElements elements = SparseElements.Of(constant.Type, constant.Data.Span);
        for (int r = 0; r < rows; r++)
            for (int c = 0; c < columns; c += Second)
            {
                int count = 0;
                for (int i = c; i < Math.Min(c + Second, columns); i++) count += elements.IsZero(r * columns + i) ? 0 : 1;
                if (count > First) return false;
            }
        return true;
    }

    /// <summary>Bytes that <paramref name="constant"/>, which fits the pattern, takes in a file.</summary>
    public long StoredBytes(Tensor constant) => new SparseContents(constant.Type, constant.Shape, this).Encode(constant.Data.Span).Length;

    /// <summary>What is wrong with this pattern for a constant of that type and shape; null if nothing is.</summary>
    public string? Fault(ElementType type, TensorShape shape) => SideFault()
        ?? (type is ElementType.Float32 or ElementType.Float16 or ElementType.Int8 or ElementType.Int4 ? null : $"{type} can't be sparse")
        ?? (shape.Rank == 0 || shape.ElementCount == 0 ? "there are no elements in rows" : null);

    /// <summary>As <see cref="Parse"/> reads it.</summary>
    public override string ToString() => Kind switch
    {
        SparsityKind.Unstructured => "unstructured",
        SparsityKind.NM => $"{First}:{Second}",
        _ => $"{First}x{Second}",
    };

    private string? SideFault() => Kind switch
    {
        SparsityKind.Unstructured => First == 1 && Second == 1 ? null : "an unstructured pattern has no sides",
        SparsityKind.NM => First >= 1 && First < Second && Second <= MaxSide ? null : $"1 ≤ n < m ≤ {MaxSide} is expected",
        _ => First >= 1 && Second >= 1 && First <= MaxSide && Second <= MaxSide && First * Second > 1 ? null : $"sides of a block are 1 to {MaxSide}, not both 1",
    };
}
