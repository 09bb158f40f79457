using EdgeRuntime.Kernels;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Inference;

/// <summary>
/// AveragePool, MaxPool and ReduceMean, float or int8. Each output position is a set of taps, pointers to as many
/// channels; a mean over consecutive axes is one window over an image whose pixels are the axes behind them.
/// </summary>
internal sealed unsafe class PoolOperator : Operator
{
    private readonly ElementwiseKernel _kernel;
    private readonly int _batch, _height, _width, _channels, _outHeight, _outWidth, _kernelY, _kernelX, _strideY, _strideX, _padTop, _padLeft;
    private readonly bool _isMax, _countPadding;
    private readonly ElementType _type;
    private readonly AverageInt8Parameters[] _averages = [];
    private readonly byte[]? _rescale;
    private byte* _input, _output;
    private byte** _taps;

    public PoolOperator(Node node, PrepareContext context) : base(node, context.Elementwise.Descriptor.Id, "strongest instruction set")
    {
        _kernel = context.Elementwise;
        ValueInfo x = node.Input(0), y = node.Output;
        _type = x.Type;
        _isMax = node.Type == OperatorType.MaxPool;
        if (y.Type != _type || _type is not (ElementType.Float32 or ElementType.Int8))
            throw Unsupported(node, $"input {x} and output {y} must both be float32 or both int8");
        if (node.Type == OperatorType.ReduceMean)
        {
            (_batch, _height, _channels) = MeanView(node, x.Shape);
            (_width, _outHeight, _outWidth, _kernelY, _kernelX, _strideY, _strideX) = (1, 1, 1, _height, 1, 1, 1);
        }
        else
        {
            ReadOnlySpan<int> kernel = node.Attributes.Ints("kernel"), strides = node.Attributes.Ints("strides"), pads = node.Attributes.Ints("pads");
            (_batch, _height, _width, _channels) = (x.Shape[0], x.Shape[1], x.Shape[2], x.Shape[3]);
            (_outHeight, _outWidth) = (y.Shape[1], y.Shape[2]);
            (_kernelY, _kernelX, _strideY, _strideX, _padTop, _padLeft) = (kernel[0], kernel[1], strides[0], strides[1], pads[0], pads[1]);
            _countPadding = node.Attributes.Int("count_include_pad") != 0;
        }
        ScratchBytes = (long)context.Workers * _kernelY * _kernelX * sizeof(byte*);
        if (_type != ElementType.Int8) return;
        QuantizationParameters qx = PerTensor(node, x), qy = PerTensor(node, y);
        if (_isMax) _rescale = qx.Equals(qy) ? null : LookupTables.Build(x.Type, qx, y.Type, qy, v => v);
        else _averages = Averages(node, qx, qy);
    }

    public override long ScratchBytes { get; }

    public override double EstimatedCycles => (double)_batch * _outHeight * _outWidth * _kernelY * _kernelX * (_channels / 16.0 + 4);

    public override int Portions(int stage) => _batch * _outHeight;

    public override void Bind(IBinder binder)
    {
        _input = binder.Address(Node.Input(0));
        _output = binder.Address(Node.Output);
        _taps = (byte**)binder.Scratch;
    }

    public override void Run(int stage, int first, int end, int worker)
    {
        byte** taps = _taps + (long)worker * _kernelY * _kernelX;
        int size = _type == ElementType.Float32 ? sizeof(float) : 1;
        for (int row = first; row < end; row++)
            for (int x = 0; x < _outWidth; x++)
                Pool(taps, Gather(taps, row, x, size), _output + ((long)row * _outWidth + x) * _channels * size);
    }

    /// <summary>Collects the taps inside the image; returns their number.</summary>
    private int Gather(byte** taps, int row, int x, int size)
    {
        int n = row / _outHeight, top = row % _outHeight * _strideY - _padTop, left = x * _strideX - _padLeft, count = 0;
        for (int iy = Math.Max(top, 0); iy < Math.Min(top + _kernelY, _height); iy++)
            for (int ix = Math.Max(left, 0); ix < Math.Min(left + _kernelX, _width); ix++)
                taps[count++] = _input + (((long)n * _height + iy) * _width + ix) * _channels * size;
        return count;
    }

    private void Pool(byte** taps, int count, byte* y)
    {
        int divisor = _countPadding ? _kernelY * _kernelX : count;
        if (_type == ElementType.Float32)
        {
            if (_isMax) _kernel.Max((float**)taps, count, _channels, (float*)y);
            else _kernel.Average((float**)taps, count, _channels, (float*)y, 1f / divisor);
        }
        else if (!_isMax) _kernel.AverageInt8(_averages[divisor], (sbyte**)taps, count, _channels, (sbyte*)y);
        else
        {
            _kernel.MaxInt8((sbyte**)taps, count, _channels, (sbyte*)y);
            if (_rescale is null) return;
            fixed (byte* table = _rescale) _kernel.Lookup(table, y, y, _channels);
        }
    }

    /// <summary>One entry for each number of taps; padding contributes real 0, so it is left out of the sum.</summary>
    private AverageInt8Parameters[] Averages(Node node, QuantizationParameters x, QuantizationParameters y)
    {
        var result = new AverageInt8Parameters[_kernelY * _kernelX + 1];
        for (int count = 1; count < result.Length; count++)
            result[count] = new AverageInt8Parameters(x.ZeroPoint, Factor(node, (double)x.Scale / y.Scale / count), y.ZeroPoint, sbyte.MinValue, sbyte.MaxValue);
        return result;
    }

    private static (int Outer, int Reduced, int Inner) MeanView(Node node, TensorShape x)
    {
        int[] axes = [.. node.Attributes.Ints("axes").ToArray().Select(a => (a + x.Rank) % x.Rank).Where(a => x[a] != 1).Distinct().Order()];
        if (axes.Length == 0) return (1, 1, checked((int)x.ElementCount));
        for (int a = axes[0]; a <= axes[^1]; a++)
            if (!axes.Contains(a) && x[a] != 1) throw Unsupported(node, $"the mean of {x} over axes {string.Join(",", axes)}, which are not consecutive; transpose first");
        return (checked((int)x.CountOf(0, axes[0])), checked((int)x.CountOf(axes[0], axes[^1] + 1)), checked((int)x.CountOf(axes[^1] + 1, x.Rank)));
    }
}
