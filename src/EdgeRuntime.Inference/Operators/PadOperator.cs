using System.Runtime.InteropServices;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Inference;

/// <summary>Constant borders: fills the output, then copies the input's innermost rows to their places.</summary>
internal sealed unsafe class PadOperator : Operator
{
    private readonly int[] _before;
    private readonly int _size;
    private readonly uint _value;
    private byte* _input, _output;

    public PadOperator(Node node) : base(node, "copy", "no arithmetic")
    {
        ValueInfo x = node.Input(0), y = node.Output;
        if (x.Type != y.Type || x.Type is not (ElementType.Float32 or ElementType.Int8) || !Equals(x.Quantization, y.Quantization))
            throw Unsupported(node, $"input {x} and output {y} must both be float32, or int8 with the same quantisation");
        _size = x.Type.Bits() / 8;
        _before = node.Attributes.Ints("pads")[..x.Shape.Rank].ToArray();
        float value = node.Attributes.Float("value");
        _value = x.Type == ElementType.Float32 ? BitConverter.SingleToUInt32Bits(value)
            : (byte)Requantize.Quantize(value, PerTensor(node, y).Scale, PerTensor(node, y).ZeroPoint, sbyte.MinValue, sbyte.MaxValue);
    }

    public override int Portions(int stage) => 1;

    public override void Bind(IBinder binder)
    {
        _input = binder.Address(Node.Input(0));
        _output = binder.Address(Node.Output);
    }

    public override void Run(int stage, int first, int end, int worker)
    {
        TensorShape x = Node.Input(0).Shape, y = Node.Output.Shape;
        int count = (int)y.ElementCount, rank = x.Rank;
        if (_size == 1) new Span<byte>(_output, count).Fill((byte)_value);
        else new Span<uint>(_output, count).Fill(_value);
        if (x.ElementCount == 0) return;
        Span<int> index = stackalloc int[TensorShape.MaxRank];
        index.Clear();
        int row = rank == 0 ? 1 : x[-1];
        for (long from = 0; from < x.ElementCount; from += row)
        {
            long to = 0;
            for (int i = 0; i < rank; i++) to = to * y.Dimensions[i] + _before[i] + index[i];
            NativeMemory.Copy(_input + from * _size, _output + to * _size, (nuint)((long)row * _size));
            for (int i = rank - 2; i >= 0 && ++index[i] == x.Dimensions[i]; i--) index[i] = 0;
        }
    }
}
