using EdgeRuntime.Kernels;
using EdgeRuntime.Model;

namespace EdgeRuntime.Inference;

/// <summary>A step over a flat range of elements that any worker may take a part of.</summary>
internal abstract unsafe class ChunkedOperator(Node node, ElementwiseKernel kernel)
    : Operator(node, kernel.Descriptor.Id, "strongest instruction set")
{
    private const int ChunkElements = 4096;

    protected ElementwiseKernel Kernel => kernel;

    /// <summary>Elements of the whole range.</summary>
    protected long Count { get; } = node.Outputs[0].Shape.ElementCount;

    public override ReadOnlySpan<int> InPlaceInputs => [0];

    public override int Portions(int stage) => (int)((Count + ChunkElements - 1) / ChunkElements);

    public override void Run(int stage, int first, int end, int worker)
    {
        long from = (long)first * ChunkElements;
        RunRange(from, Math.Min((long)end * ChunkElements, Count) - from);
    }

    protected abstract void RunRange(long from, long count);
}

/// <summary>An 8-bit to 8-bit map by table: requantisation, quantised clamp, sigmoid and tanh.</summary>
internal sealed unsafe class LookupOperator : ChunkedOperator
{
    private readonly byte[] _table;
    private byte* _input, _output;

    public LookupOperator(Node node, ElementwiseKernel kernel, Func<float, float> map) : base(node, kernel)
    {
        ValueInfo x = node.Input(0), y = node.Output;
        Tensors.QuantizationParameters qx = PerTensor(node, x), qy = PerTensor(node, y);
        _table = LookupTables.Build(x.Type, qx, y.Type, qy, map);
    }

    public override void Bind(IBinder binder)
    {
        _input = binder.Address(Node.Input(0));
        _output = binder.Address(Node.Output);
    }

    protected override void RunRange(long from, long count)
    {
        fixed (byte* table = _table) Kernel.Lookup(table, _input + from, _output + from, count);
    }
}

/// <summary>Float to 8 bits.</summary>
internal sealed unsafe class QuantizeOperator(Node node, ElementwiseKernel kernel) : ChunkedOperator(node, kernel)
{
    private readonly Tensors.QuantizationParameters _q = PerTensor(node, node.Output);
    private readonly int _min = Tensors.ElementTypes.MinValue(node.Output.Type), _max = Tensors.ElementTypes.MaxValue(node.Output.Type);
    private float* _input;
    private byte* _output;

    public override ReadOnlySpan<int> InPlaceInputs => [];

    public override void Bind(IBinder binder)
    {
        _input = (float*)binder.Address(Node.Input(0));
        _output = binder.Address(Node.Output);
    }

    protected override void RunRange(long from, long count) => Kernel.Quantize(_input + from, _output + from, count, _q.Scale, _q.ZeroPoint, _min, _max);
}

/// <summary>Float to 16 bits: states of recurrent layers, which are small.</summary>
internal sealed unsafe class QuantizeInt16Operator(Node node, ElementwiseKernel kernel) : ChunkedOperator(node, kernel)
{
    private readonly Tensors.QuantizationParameters _q = PerTensor(node, node.Output);
    private float* _input;
    private short* _output;

    public override ReadOnlySpan<int> InPlaceInputs => [];

    public override void Bind(IBinder binder)
    {
        _input = (float*)binder.Address(Node.Input(0));
        _output = (short*)binder.Address(Node.Output);
    }

    protected override void RunRange(long from, long count)
    {
        for (long i = from; i < from + count; i++) _output[i] = (short)Tensors.Requantize.Quantize(_input[i], _q.Scale, _q.ZeroPoint, short.MinValue, short.MaxValue);
    }
}

/// <summary>16 bits to float.</summary>
internal sealed unsafe class DequantizeInt16Operator(Node node, ElementwiseKernel kernel) : ChunkedOperator(node, kernel)
{
    private readonly Tensors.QuantizationParameters _q = PerTensor(node, node.Input(0));
    private short* _input;
    private float* _output;

    public override ReadOnlySpan<int> InPlaceInputs => [];

    public override void Bind(IBinder binder)
    {
        _input = (short*)binder.Address(Node.Input(0));
        _output = (float*)binder.Address(Node.Output);
    }

    protected override void RunRange(long from, long count)
    {
        for (long i = from; i < from + count; i++) _output[i] = Tensors.Requantize.Dequantize(_input[i], _q.Scale, _q.ZeroPoint);
    }
}

/// <summary>8 bits to float.</summary>
internal sealed unsafe class DequantizeOperator(Node node, ElementwiseKernel kernel) : ChunkedOperator(node, kernel)
{
    private readonly Tensors.QuantizationParameters _q = PerTensor(node, node.Input(0));
    private readonly bool _isUnsigned = node.Input(0).Type == Tensors.ElementType.UInt8;
    private byte* _input;
    private float* _output;

    public override ReadOnlySpan<int> InPlaceInputs => [];

    public override void Bind(IBinder binder)
    {
        _input = binder.Address(Node.Input(0));
        _output = (float*)binder.Address(Node.Output);
    }

    protected override void RunRange(long from, long count) => Kernel.Dequantize(_input + from, _output + from, count, _q.Scale, _q.ZeroPoint, _isUnsigned);
}

/// <summary>Float functions of one operand.</summary>
internal sealed unsafe class UnaryFloatOperator(Node node, ElementwiseKernel kernel) : ChunkedOperator(node, kernel)
{
    private readonly float _min = node.Attributes.Float("min", float.NegativeInfinity), _max = node.Attributes.Float("max", float.PositiveInfinity), _alpha = node.Attributes.Float("alpha", 0);
    private readonly FloatFunction _function = node.Type switch
    {
        OperatorType.Sigmoid => FloatFunction.Sigmoid,
        OperatorType.Tanh => FloatFunction.Tanh,
        OperatorType.Sqrt => FloatFunction.Sqrt,
        OperatorType.Abs => FloatFunction.Abs,
        OperatorType.Exp => FloatFunction.Exp,
        OperatorType.Log => FloatFunction.Log,
        OperatorType.LeakyRelu => FloatFunction.LeakyRelu,
        _ => FloatFunction.HardSwish,
    };
    private float* _input, _output;

    public override void Bind(IBinder binder)
    {
        _input = (float*)binder.Address(Node.Input(0));
        _output = (float*)binder.Address(Node.Output);
    }

    protected override void RunRange(long from, long count)
    {
        if (Node.Type == OperatorType.Clip) Kernel.Clip(_input + from, _output + from, count, _min, _max);
        else Kernel.Apply(_function, _input + from, _output + from, count, _alpha);
    }
}
