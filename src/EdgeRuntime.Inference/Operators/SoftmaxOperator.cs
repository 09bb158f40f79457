using System.Runtime.InteropServices;
using EdgeRuntime.Kernels;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Inference;

/// <summary>Softmax over one axis, float or int8. Rows that do not lie together are gathered first.</summary>
internal sealed unsafe class SoftmaxOperator : Operator
{
    private readonly ElementwiseKernel _kernel;
    private readonly SoftmaxInt8Parameters? _int8;
    private readonly int _outer, _length, _inner, _size;
    private readonly float _beta;
    private byte* _input, _output, _scratch;

    public SoftmaxOperator(Node node, PrepareContext context) : base(node, context.Elementwise.Descriptor.Id, "strongest instruction set")
    {
        _kernel = context.Elementwise;
        ValueInfo x = node.Input(0), y = node.Output;
        int axis = (node.Attributes.Int("axis") + x.Shape.Rank) % x.Shape.Rank;
        (_outer, _length, _inner) = ((int)x.Shape.CountOf(0, axis), x.Shape[axis], (int)x.Shape.CountOf(axis + 1, x.Shape.Rank));
        _beta = node.Attributes.Float("beta", 1);
        _size = x.Type.Bits() / 8;
        if (x.Type != y.Type || x.Type is not (ElementType.Float32 or ElementType.Int8))
            throw Unsupported(node, $"input {x} and output {y} must both be float32 or both int8");
        if (x.Type == ElementType.Int8)
            _int8 = new SoftmaxInt8Parameters(_beta, PerTensor(node, x).Scale, PerTensor(node, y).Scale, PerTensor(node, y).ZeroPoint);
        ScratchBytes = _inner == 1 ? 0 : 2L * context.Workers * _length * _size;
    }

    public override long ScratchBytes { get; }

    public override double EstimatedCycles => 20.0 * _outer * _length * _inner;

    public override int Portions(int stage) => _outer * _inner;

    public override void Bind(IBinder binder)
    {
        _input = binder.Address(Node.Input(0));
        _output = binder.Address(Node.Output);
        _scratch = binder.Scratch;
    }

    public override void Run(int stage, int first, int end, int worker)
    {
        for (int p = first; p < end; p++)
        {
            long start = ((long)(p / _inner) * _length * _inner + p % _inner) * _size;
            if (_inner == 1) Row(_input + start, _output + start);
            else Strided(_input + start, _output + start, _scratch + 2L * worker * _length * _size);
        }
    }

    private void Row(byte* x, byte* y)
    {
        if (_int8 is null) _kernel.Softmax((float*)x, (float*)y, _length, _beta);
        else _kernel.SoftmaxInt8(_int8, (sbyte*)x, (sbyte*)y, _length);
    }

    private void Strided(byte* x, byte* y, byte* row)
    {
        byte* result = row + (long)_length * _size;
        long stride = (long)_inner * _size;
        for (int i = 0; i < _length; i++) NativeMemory.Copy(x + i * stride, row + (long)i * _size, (nuint)_size);
        Row(row, result);
        for (int i = 0; i < _length; i++) NativeMemory.Copy(result + (long)i * _size, y + i * stride, (nuint)_size);
    }
}
