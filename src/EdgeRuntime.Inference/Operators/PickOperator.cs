using System.Runtime.InteropServices;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Inference;

/// <summary>Outputs whose every index is a fixed function of the same axis' input index: slices, mirrored borders, gathered elements.</summary>
internal sealed unsafe class PickOperator : Operator
{
    private readonly int[][] _from;
    private readonly long[] _strides;
    private readonly int _size, _row;
    private readonly bool _isContiguous;
    private byte* _input, _output;

    public PickOperator(Node node) : base(node, "copy", "no arithmetic")
    {
        ValueInfo x = node.Input(0), y = node.Output;
        if (x.Type != y.Type || x.Type.Bits() < 8 || !Equals(x.Quantization, y.Quantization)) throw Unsupported(node, $"input {x} and output {y} must have one type and quantisation");
        _size = x.Type.Bits() / 8;
        List<int[]> from = [.. Enumerable.Range(0, x.Shape.Rank).Select(axis => Indices(node, axis))];
        List<int> sizes = [.. x.Shape.Dimensions];
        // Trailing axes that are taken whole are one.
        while (from.Count > 1 && IsWhole(from[^1], sizes[^1]) && IsWhole(from[^2], sizes[^2]))
        {
            sizes[^2] *= sizes[^1];
            sizes.RemoveAt(sizes.Count - 1);
            from.RemoveRange(from.Count - 2, 2);
            from.Add([.. Enumerable.Range(0, sizes[^1])]);
        }
        _from = [.. from];
        _strides = new long[_from.Length];
        for (int axis = _strides.Length - 1, stride = 1; axis >= 0; stride *= sizes[axis--]) _strides[axis] = stride;
        _row = _from.Length == 0 ? 1 : _from[^1].Length;
        _isContiguous = _from.Length == 0 || !Enumerable.Range(1, Math.Max(0, _row - 1)).Any(i => _from[^1][i] != _from[^1][i - 1] + 1);
    }

    public override int Portions(int stage) => _row == 0 ? 0 : (int)(Node.Output.Shape.ElementCount / _row);

    public override void Bind(IBinder binder)
    {
        _input = binder.Address(Node.Input(0));
        _output = binder.Address(Node.Output);
    }

    public override void Run(int stage, int first, int end, int worker)
    {
        for (int row = first; row < end; row++)
        {
            long from = 0;
            int rest = row;
            for (int axis = _from.Length - 2; axis >= 0; axis--)
            {
                (rest, int index) = Math.DivRem(rest, _from[axis].Length);
                from += _from[axis][index] * _strides[axis];
            }
            byte* to = _output + (long)row * _row * _size, source = _input + from * _size;
            if (_isContiguous) NativeMemory.Copy(source + (_from.Length == 0 ? 0 : _from[^1][0] * _size), to, (nuint)(_row * _size));
            else
                foreach (int index in _from[^1])
                    for (int b = 0; b < _size; b++) *to++ = source[index * _size + b];
        }
    }

    private static int[] Indices(Node node, int axis)
    {
        int size = node.Input(0).Shape[axis];
        int[] from = new int[node.Output.Shape[axis]];
        for (int i = 0; i < from.Length; i++)
        {
            if (node.Type == OperatorType.Gather) from[i] = (node.Attributes.Int("axis") + node.Output.Shape.Rank) % node.Output.Shape.Rank == axis ? node.Attributes.Ints("indices")[i] : i;
            else if (node.Type == OperatorType.Slice) from[i] = node.Attributes.Ints("starts")[axis] + i * node.Attributes.Ints("steps")[axis];
            else
            {
                int at = Math.Abs(i - node.Attributes.Ints("pads")[axis]);
                from[i] = at < size ? at : 2 * (size - 1) - at;
            }
        }
        return from;
    }

    private static bool IsWhole(int[] from, int size) => from.Length == size && !from.Where((index, i) => index != i).Any();
}
