using EdgeRuntime.Kernels;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Inference;

/// <summary>Add, Sub and Mul with broadcasting, float or int8; Div, Maximum and Minimum, float.</summary>
internal sealed unsafe class BinaryOperator : Operator
{
    /// <summary>Runs shorter than this are given to a worker several at a time.</summary>
    private const int PortionElements = 4096;

    private readonly ElementwiseKernel _kernel;
    private readonly Broadcast _broadcast;
    private readonly ElementType _type;
    private readonly AddInt8Parameters _add;
    private readonly MulInt8Parameters _mul;
    private readonly float _min, _max;
    private readonly int _runsPerPortion, _piecesPerRun;
    private byte* _a, _b, _y;

    public BinaryOperator(Node node, ElementwiseKernel kernel) : base(node, kernel.Descriptor.Id, "strongest instruction set")
    {
        _kernel = kernel;
        ValueInfo a = node.Input(0), b = node.Input(1), y = node.Output;
        _type = y.Type;
        if (a.Type != _type || b.Type != _type || _type is not (ElementType.Float32 or ElementType.Int8))
            throw Unsupported(node, $"operands {a} and {b} with output {y}: all three must be float32 or all int8");
        _broadcast = new Broadcast(a.Shape, b.Shape, y.Shape);
        _runsPerPortion = Math.Max(1, PortionElements / Math.Max(_broadcast.Length, 1));
        _piecesPerRun = (_broadcast.Length + PortionElements - 1) / PortionElements;
        (_min, _max) = (node.Attributes.Float("min", float.NegativeInfinity), node.Attributes.Float("max", float.PositiveInfinity));
        if (_type != ElementType.Int8) return;
        QuantizationParameters qa = PerTensor(node, a), qb = PerTensor(node, b), qy = PerTensor(node, y);
        var (min, max) = ClampOf(node, y);
        if (node.Type is not (OperatorType.Add or OperatorType.Sub or OperatorType.Mul)) throw Unsupported(node, $"there is no int8 {node.Type}; keep this operator in float");
        if (node.Type == OperatorType.Mul)
            _mul = new MulInt8Parameters(qa.ZeroPoint, qb.ZeroPoint, Factor(node, (double)qa.Scale * qb.Scale / qy.Scale), qy.ZeroPoint, min, max);
        else
            _add = AddParameters(node, qa, qb, qy, min, max);
    }

    public override ReadOnlySpan<int> InPlaceInputs => [0, 1];

    public override int Portions(int stage) => _piecesPerRun > 1 ? _broadcast.OffsetsA.Length * _piecesPerRun
        : (_broadcast.OffsetsA.Length + _runsPerPortion - 1) / _runsPerPortion;

    public override void Bind(IBinder binder)
    {
        _a = binder.Address(Node.Input(0));
        _b = binder.Address(Node.Input(1));
        _y = binder.Address(Node.Output);
    }

    public override void Run(int stage, int first, int end, int worker)
    {
        if (_piecesPerRun > 1)
        {
            for (int p = first; p < end; p++)
            {
                int from = p % _piecesPerRun * PortionElements;
                Run(p / _piecesPerRun, from, Math.Min(PortionElements, _broadcast.Length - from));
            }
            return;
        }
        end = Math.Min(end * _runsPerPortion, _broadcast.OffsetsA.Length);
        for (int run = first * _runsPerPortion; run < end; run++) Run(run, 0, _broadcast.Length);
    }

    private static AddInt8Parameters AddParameters(Node node, QuantizationParameters a, QuantizationParameters b, QuantizationParameters y, int min, int max)
    {
        double factorB = (double)b.Scale / y.Scale;
        try
        {
            return AddInt8Parameters.From((double)a.Scale / y.Scale, a.ZeroPoint, node.Type == OperatorType.Sub ? -factorB : factorB, b.ZeroPoint,
                y.ZeroPoint, min, max);
        }
        catch (ArgumentOutOfRangeException)
        {
            throw Invalid(node, $"the operands' scales {a.Scale} and {b.Scale} are too far above the output's {y.Scale}");
        }
    }

    private void Run(int run, int from, int count)
    {
        long a = _broadcast.OffsetsA[run] + (long)from * _broadcast.StepA, b = _broadcast.OffsetsB[run] + (long)from * _broadcast.StepB;
        long y = (long)run * _broadcast.Length + from;
        if (_type == ElementType.Float32)
            _kernel.Binary(Node.Type switch
            {
                OperatorType.Add => BinaryOperation.Add,
                OperatorType.Sub => BinaryOperation.Sub,
                OperatorType.Mul => BinaryOperation.Mul,
                OperatorType.Maximum => BinaryOperation.Maximum,
                OperatorType.Minimum => BinaryOperation.Minimum,
                _ => BinaryOperation.Div,
            }, (float*)_a + a, _broadcast.StepA, (float*)_b + b, _broadcast.StepB, (float*)_y + y, count, _min, _max);
        else if (Node.Type == OperatorType.Mul)
            _kernel.MulInt8(_mul, (sbyte*)_a + a, _broadcast.StepA, (sbyte*)_b + b, _broadcast.StepB, (sbyte*)_y + y, count);
        else
            _kernel.AddInt8(_add, (sbyte*)_a + a, _broadcast.StepA, (sbyte*)_b + b, _broadcast.StepB, (sbyte*)_y + y, count);
    }
}
