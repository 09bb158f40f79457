using System.Runtime.InteropServices;
using EdgeRuntime.Kernels;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Inference;

/// <summary>
/// Transposition. Axes of size 1 are dropped and neighbours that stay together joined; what is then a batch of matrices
/// goes to the vector kernel, everything else is copied in runs of the innermost unmoved axes.
/// </summary>
internal sealed unsafe class TransposeOperator : Operator
{
    private readonly ElementwiseKernel _kernel;
    private readonly int _batch, _rows, _columns, _run;
    private readonly int[] _shape, _strides;
    private byte* _input, _output;

    public TransposeOperator(Node node, ElementwiseKernel kernel) : base(node, kernel.Descriptor.Id, "strongest instruction set")
    {
        _kernel = kernel;
        ValueInfo x = node.Input(0);
        if (x.Type.Bits() < 8) throw Unsupported(node, $"{x.Type} can't be transposed");
        var (shape, perm) = Simplify(x.Shape, node.Attributes.Ints("perm"));
        int rank = shape.Length, kept = 0;
        while (kept < rank && perm[rank - 1 - kept] == rank - 1 - kept) kept++;
        _run = x.Type.Bits() / 8;
        for (int i = 0; i < kept; i++) _run *= shape[rank - 1 - i];
        int moved = rank - kept;
        (_shape, _strides) = (new int[moved], new int[moved]);
        for (int i = 0; i < moved; i++)
        {
            _shape[i] = shape[perm[i]];
            _strides[i] = _run;
            for (int a = perm[i] + 1; a < moved; a++) _strides[i] = checked(_strides[i] * shape[a]);
        }
        bool isBatch = moved == 3 && perm[0] == 0;
        if (_run is not (1 or 2 or 4 or 8) || !(moved == 2 || isBatch)) return;
        (_batch, _rows, _columns) = (isBatch ? shape[0] : 1, shape[moved - 2], shape[moved - 1]);
    }

    public override double EstimatedCycles => Node.Output.ByteCount / 2.0;

    public override int Portions(int stage) => _batch > 1 ? _batch : _batch == 1 ? (_columns + 63) / 64 : 1;

    public override void Bind(IBinder binder)
    {
        _input = binder.Address(Node.Input(0));
        _output = binder.Address(Node.Output);
    }

    public override void Run(int stage, int first, int end, int worker)
    {
        if (_batch == 0) CopyRuns();
        else if (_batch == 1) _kernel.Transpose(_input, _output, _rows, _columns, _run, first * 64, Math.Min(end * 64, _columns));
        else
            for (int b = first; b < end; b++)
            {
                long offset = (long)b * _rows * _columns * _run;
                _kernel.Transpose(_input + offset, _output + offset, _rows, _columns, _run, 0, _columns);
            }
    }

    private void CopyRuns()
    {
        int rank = _shape.Length;
        Span<int> index = stackalloc int[TensorShape.MaxRank];
        index.Clear();
        byte* from = _input, to = _output;
        long runs = Node.Output.ByteCount / _run;
        for (long r = 0; r < runs; r++, to += _run)
        {
            NativeMemory.Copy(from, to, (nuint)_run);
            for (int i = rank - 1; i >= 0; i--)
            {
                from += _strides[i];
                if (++index[i] < _shape[i]) break;
                from -= (long)_strides[i] * _shape[i];
                index[i] = 0;
            }
        }
    }

    private static (int[] Shape, int[] Perm) Simplify(TensorShape shape, ReadOnlySpan<int> perm)
    {
        // Groups of input axes that stay neighbours in the output, in output order.
        List<List<int>> groups = [];
        foreach (int axis in perm)
        {
            if (shape[axis] == 1) continue;
            if (groups.Count > 0 && Joins(shape, groups[^1][^1], axis)) groups[^1].Add(axis);
            else groups.Add([axis]);
        }
        var byInput = groups.OrderBy(g => g[0]).ToList();
        int[] sizes = [.. byInput.Select(g => g.Aggregate(1, (p, a) => p * shape[a]))];
        return (sizes, [.. groups.Select(g => byInput.IndexOf(g))]);
    }

    /// <summary>Whether nothing but axes of size 1 lies between two input axes.</summary>
    private static bool Joins(TensorShape shape, int axis, int next)
    {
        if (next <= axis) return false;
        for (int i = axis + 1; i < next; i++)
            if (shape[i] != 1) return false;
        return true;
    }
}
