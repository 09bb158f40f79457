using System.Runtime.InteropServices;
using EdgeRuntime.Kernels;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Inference;

/// <summary>Joins inputs along an axis; 8-bit inputs with other parameters than the output's are converted on the way.</summary>
internal sealed unsafe class ConcatOperator : Operator
{
    private readonly ElementwiseKernel _kernel;
    private readonly int _outer;
    private readonly long _outputRun;
    private readonly long[] _runs;
    private readonly byte[]?[] _tables;
    private readonly byte*[] _inputs;
    private byte* _output;

    public ConcatOperator(Node node, ElementwiseKernel kernel) : base(node, kernel.Descriptor.Id, "strongest instruction set")
    {
        _kernel = kernel;
        ValueInfo y = node.Output;
        int axis = (node.Attributes.Int("axis") + y.Shape.Rank) % y.Shape.Rank;
        _outer = (int)y.Shape.CountOf(0, axis);
        _outputRun = y.Type.ByteCount(y.Shape.CountOf(axis, y.Shape.Rank));
        _runs = new long[node.Inputs.Count];
        _tables = new byte[]?[_runs.Length];
        _inputs = new byte*[_runs.Length];
        for (int i = 0; i < _runs.Length; i++)
        {
            ValueInfo x = node.Input(i);
            if (x.Type != y.Type || x.Type.Bits() < 8) throw Unsupported(node, $"input {x} can't be joined into {y}");
            _runs[i] = x.Type.ByteCount(x.Shape.CountOf(axis, x.Shape.Rank));
            if (!Equals(x.Quantization, y.Quantization))
                _tables[i] = LookupTables.Build(x.Type, PerTensor(node, x), y.Type, PerTensor(node, y), v => v);
        }
    }

    public override int Portions(int stage) => _outer;

    public override void Bind(IBinder binder)
    {
        for (int i = 0; i < _inputs.Length; i++) _inputs[i] = binder.Address(Node.Input(i));
        _output = binder.Address(Node.Output);
    }

    public override void Run(int stage, int first, int end, int worker)
    {
        for (int o = first; o < end; o++)
        {
            byte* to = _output + o * _outputRun;
            for (int i = 0; i < _inputs.Length; to += _runs[i], i++)
            {
                byte* from = _inputs[i] + o * _runs[i];
                if (_tables[i] is not { } map) NativeMemory.Copy(from, to, (nuint)_runs[i]);
                else
                    fixed (byte* table = map) _kernel.Lookup(table, from, to, _runs[i]);
            }
        }
    }
}
