using EdgeRuntime.Kernels;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Inference;

/// <summary>Numbers to signs.</summary>
internal sealed unsafe class BinarizeOperator : SignRowsOperator
{
    private readonly NativeBuffer _thresholds, _allowed;
    private readonly bool _isInt8;

    public BinarizeOperator(Node node, ElementwiseKernel kernel) : base(node, kernel, node.Output.Shape)
    {
        _isInt8 = node.Input(0).Type == ElementType.Int8;
        if (node.Output.Type != ElementType.Binary || !(_isInt8 || node.Input(0).Type == ElementType.Float32))
            throw Unsupported(node, $"signs are made of float32 or int8, not of {node.Input(0)} as {node.Output.Type}");
        ElementType wanted = _isInt8 ? ElementType.Int32 : ElementType.Float32;
        if (node.OptionalInput(1) is { } given && given.Constant?.Type != wanted) throw Unsupported(node, $"thresholds must be a {wanted} constant, not {given}");
        _thresholds = new NativeBuffer(_isInt8 ? Channels : sizeof(float) * Channels);
        _allowed = new NativeBuffer(BitPacked.Words(Channels) * sizeof(ulong));
        if (_isInt8) FillIntegers(node);
        else FillFloats(node);
    }

    protected override void RunRows(byte* input, byte* output, long from, long count)
    {
        ulong* y = (ulong*)output + from * BitPacked.Words(Channels);
        if (_isInt8) Kernel.Binarize((sbyte*)input + from * Channels, (sbyte*)_thresholds.Pointer, (ulong*)_allowed.Pointer, y, count, Channels);
        else Kernel.Binarize((float*)input + from * Channels, (float*)_thresholds.Pointer, y, count, Channels);
    }

    public override void Dispose()
    {
        _thresholds.Dispose();
        _allowed.Dispose();
    }

    private void FillFloats(Node node)
    {
        float[] thresholds = node.OptionalInput(1)?.Constant!.ToFloats() ?? [0f];
        foreach (ref float t in _thresholds.Span<float>(0, Channels)) t = thresholds[0];
        if (thresholds.Length == Channels) thresholds.CopyTo(_thresholds.Span<float>(0, Channels));
    }

    private void FillIntegers(Node node)
    {
        int[] thresholds = node.OptionalInput(1)?.Constant!.ToInts() ?? [node.Input(0).Quantization is null ? 0 : PerTensor(node, node.Input(0)).ZeroPoint];
        Span<sbyte> steps = _thresholds.Span<sbyte>(0, Channels);
        Span<ulong> allowed = _allowed.Span<ulong>(0, BitPacked.Words(Channels));
        for (int c = 0; c < Channels; c++)
        {
            int t = thresholds[thresholds.Length == 1 ? 0 : c];
            steps[c] = (sbyte)Math.Clamp(t, sbyte.MinValue, sbyte.MaxValue);
            if (t <= sbyte.MaxValue) allowed[c / BitPacked.WordBits] |= 1UL << c;
        }
    }
}

/// <summary>Signs to floats.</summary>
internal sealed unsafe class DequantizeSignsOperator(Node node, ElementwiseKernel kernel) : SignRowsOperator(node, kernel, node.Input(0).Shape)
{
    private readonly float _scale = node.Input(0).Quantization is null ? 1 : PerTensor(node, node.Input(0)).Scale;

    protected override void RunRows(byte* input, byte* output, long from, long count) =>
        Kernel.Dequantize((ulong*)input + from * BitPacked.Words(Channels), (float*)output + from * Channels, count, Channels, _scale);
}

/// <summary>A conversion between numbers and rows of signs; the rows are shared among workers.</summary>
internal abstract unsafe class SignRowsOperator(Node node, ElementwiseKernel kernel, TensorShape shape) : Operator(node, kernel.Descriptor.Id, "strongest instruction set")
{
    private const int PortionElements = 4096;

    private readonly long _rows = shape.CountOf(0, shape.Rank - 1), _portionRows = Math.Max(1, PortionElements / Math.Max(1, shape[-1]));
    private byte* _input, _output;

    protected ElementwiseKernel Kernel => kernel;

    protected int Channels { get; } = shape[-1];

    public override double EstimatedCycles => (double)_rows * Channels;

    public override int Portions(int stage) => (int)((_rows + _portionRows - 1) / _portionRows);

    public override void Bind(IBinder binder)
    {
        _input = binder.Address(Node.Input(0));
        _output = binder.Address(Node.Output);
    }

    public override void Run(int stage, int first, int end, int worker)
    {
        long from = first * _portionRows;
        RunRows(_input, _output, from, Math.Min(end * _portionRows, _rows) - from);
    }

    protected abstract void RunRows(byte* input, byte* output, long from, long count);
}
