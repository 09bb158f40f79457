using System.Runtime.InteropServices;
using EdgeRuntime.Model;

namespace EdgeRuntime.Inference;

/// <summary>The same bytes under another shape: normally an alias that costs nothing, else a copy.</summary>
internal sealed unsafe class ReshapeOperator : Operator
{
    private byte* _input, _output;

    public ReshapeOperator(Node node) : base(node, "alias", "no computation")
    {
        if (node.Input(0).Type != node.Output.Type) throw Invalid(node, $"input {node.Input(0)} and output {node.Output} differ in type");
    }

    public override bool IsAlias => true;

    public override int Portions(int stage) => 1;

    public override void Bind(IBinder binder)
    {
        _input = binder.Address(Node.Input(0));
        _output = binder.Address(Node.Output);
    }

    public override void Run(int stage, int first, int end, int worker)
    {
        if (_input != _output) NativeMemory.Copy(_input, _output, (nuint)Node.Output.ByteCount);
    }
}
