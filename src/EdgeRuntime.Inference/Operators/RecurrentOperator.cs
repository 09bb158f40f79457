using System.Runtime.InteropServices;
using EdgeRuntime.Kernels;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Inference;

/// <summary>
/// What float and int8 recurrent layers share: the first stage loads the states, the last one stores them. A stateful node keeps
/// them from run to run; its first-state inputs count after a reset only.
/// </summary>
internal abstract unsafe class RecurrentOperator : Operator
{
    private readonly NativeBuffer _lengths;
    private bool _isFresh = true;

    protected RecurrentOperator(Node node, string kernelId, string reason) : base(node, kernelId, reason)
    {
        Sizes = RecurrentShape.Of(node);
        Shape = ShapeOf(node);
        IsStateful = node.Attributes.Int("stateful") != 0;
        ReadOnlySpan<int> lengths = node.Attributes.Ints("lengths");
        _lengths = new NativeBuffer(lengths.Length * sizeof(int));
        lengths.CopyTo(_lengths.Span<int>(0, lengths.Length));
        Lengths = lengths.Length == 0 ? null : (int*)_lengths.Pointer;
    }

    /// <summary>Whether states last from run to run.</summary>
    public bool IsStateful { get; }

    /// <summary>Bytes of the states.</summary>
    public abstract long StateBytes { get; }

    public sealed override int Stages => InnerStages + 2;

    protected RecurrentShape Sizes { get; }

    protected RecurrentCellShape Shape { get; private protected set; }

    protected int* Lengths { get; }

    /// <summary>Stages between loading and storing.</summary>
    protected abstract int InnerStages { get; }

    /// <summary>The states are zero, or the first-state inputs', at the next run.</summary>
    public void ResetState() => _isFresh = true;

    public sealed override int Portions(int stage) => stage == 0 || stage == Stages - 1 ? 1 : InnerPortions(stage - 1);

    public sealed override void Run(int stage, int first, int end, int worker)
    {
        if (stage == 0)
        {
            if (_isFresh || !IsStateful) LoadStates();
            _isFresh = false;
        }
        else if (stage == Stages - 1) StoreStates();
        else RunInner(stage - 1, first, end, worker);
    }

    public override void Dispose() => _lengths.Dispose();

    protected static RecurrentCellShape ShapeOf(Node node)
    {
        RecurrentShape s = RecurrentShape.Of(node);
        RecurrentCell cell = node.Type == OperatorType.Lstm ? RecurrentCell.Lstm
            : node.Attributes.Int("linear_before_reset") != 0 ? RecurrentCell.GruResetAfter : RecurrentCell.GruResetBefore;
        return new RecurrentCellShape(cell, s.Steps, s.Batch, s.InputSize, s.HiddenSize, node.Attributes.Int("direction"));
    }

    protected abstract int InnerPortions(int stage);

    protected abstract void RunInner(int stage, int first, int end, int worker);

    protected abstract void LoadStates();

    protected abstract void StoreStates();

    /// <summary>Copies the last hidden state of every sequence that has steps from y [T,N,D·H] to <paramref name="state"/> [D,N,H].</summary>
    protected void TakeLastHidden<T>(T* output, T* state) where T : unmanaged
    {
        for (int d = 0; d < Shape.Directions; d++)
            for (int n = 0; n < Shape.Batch; n++, state += Shape.Hidden)
            {
                int steps = Lengths == null ? Shape.Steps : Lengths[n];
                if (steps > 0) Copy(output + Shape.OutputOffset(d, steps - 1, n, Lengths), state, Shape.Hidden);
            }
    }

    protected static void Copy<T>(T* from, T* to, long count) where T : unmanaged => NativeMemory.Copy(from, to, (nuint)(count * sizeof(T)));

    /// <summary>The address of an output that the node may lack.</summary>
    protected byte* OptionalOutput(IBinder binder, int index) => index < Node.Outputs.Count ? binder.Address(Node.Outputs[index]) : null;

    /// <summary>The address of an input that the node may lack.</summary>
    protected byte* OptionalInput(IBinder binder, int index) => Node.OptionalInput(index) is { } value ? binder.Address(value) : null;
}
