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
        if (node.Output.Type == Tensors.ElementType.Binary && (node.Input(0).Shape[-1] % Tensors.BitPacked.WordBits | node.Output.Shape[-1] % Tensors.BitPacked.WordBits) != 0)
            throw Unsupported(node, $"signs of {node.Input(0).Shape} have another layout as {node.Output.Shape}; reshape before Binarize, or have channels in multiples of 64");
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
