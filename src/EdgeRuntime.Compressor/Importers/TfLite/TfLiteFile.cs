using EdgeRuntime.Model;

namespace EdgeRuntime.Compressor;

/// <summary>A tensor as the file lists it.</summary>
/// <param name="Name">Its name; may be empty, and other tensors may bear it.</param>
/// <param name="Type">The schema's TensorType.</param>
/// <param name="Shape">Dimensions; −1 or 0 where unknown.</param>
/// <param name="Data">Contents of a constant, else empty.</param>
/// <param name="Scales">Quantisation scales, none where not quantised.</param>
/// <param name="ZeroPoints">As many, or one, or none.</param>
/// <param name="QuantizedDimension">Axis of the scales where there are several.</param>
/// <param name="IsVariable">Whether the tensor keeps its contents from run to run.</param>
/// <param name="Sparsity">How contents that are stored sparse lie; null where they are dense.</param>
internal sealed record TfLiteTensor(string Name, byte Type, int[] Shape, ReadOnlyMemory<byte> Data, float[] Scales, long[] ZeroPoints,
    int QuantizedDimension, bool IsVariable, TfLiteSparsity? Sparsity);

/// <summary>An operator as the file lists it.</summary>
/// <param name="Index">Position in the subgraph.</param>
/// <param name="Code">The schema's operator number.</param>
/// <param name="CustomName">Name of a custom operator, else empty.</param>
/// <param name="Inputs">Tensor numbers; −1 where an optional one is absent.</param>
/// <param name="Outputs">Tensor numbers.</param>
/// <param name="OptionsType">Which table <paramref name="Options"/> is.</param>
/// <param name="Options">The operator's options, or null where all have their defaults.</param>
/// <param name="Intermediates">Tensor numbers that carry nothing but the quantisation of inner values.</param>
internal sealed record TfLiteOperator(int Index, TfLiteOperatorCode Code, string CustomName, int[] Inputs, int[] Outputs,
    TfLiteOptions OptionsType, FlatTable? Options, int[] Intermediates)
{
    /// <summary>The schema's name of the operator.</summary>
    public string TypeName => Code == TfLiteOperatorCode.Custom ? $"CUSTOM {CustomName}" : TfLiteSchema.NameOf((int)Code);
}

/// <summary>The main subgraph of a TFLite file (schema version 3), with every index checked.</summary>
internal sealed class TfLiteFile
{
    private readonly FlatBuffer _buffer;

    /// <summary>Reads tables and lists; constants stay views of <paramref name="data"/>.</summary>
    /// <exception cref="ModelException">The file is damaged, or of another version.</exception>
    public TfLiteFile(ReadOnlyMemory<byte> data, string name)
    {
        _buffer = new FlatBuffer(data, name);
        FlatTable model = _buffer.Root(TfLiteSchema.Identifier);
        uint version = model.Scalar<uint>(0);
        if (version != TfLiteSchema.Version)
            throw new ModelException(ModelErrorKind.Unsupported, name, $"TFLite schema version {version}; only {TfLiteSchema.Version} is read");
        FlatTable[] subgraphs = model.Tables(2);
        if (subgraphs.Length == 0) throw _buffer.Bad(model.Position, "no subgraph");
        FlatTable main = subgraphs[0];
        FlatTable[] buffers = model.Tables(4);
        Tensors = Array.ConvertAll(main.Tables(0), t => ReadTensor(t, buffers));
        Inputs = Indices(main, 1, optional: false);
        Outputs = Indices(main, 2, optional: false);
        (int Code, string Custom)[] codes = Array.ConvertAll(model.Tables(1), ReadCode);
        FlatTable[] operators = main.Tables(3);
        Operators = new TfLiteOperator[operators.Length];
        for (int i = 0; i < operators.Length; i++) Operators[i] = ReadOperator(operators[i], i, codes);
    }

    /// <summary>All tensors of the main subgraph.</summary>
    public TfLiteTensor[] Tensors { get; }

    /// <summary>Tensor numbers of the inputs.</summary>
    public int[] Inputs { get; }

    /// <summary>Tensor numbers of the outputs.</summary>
    public int[] Outputs { get; }

    /// <summary>Operators in execution order.</summary>
    public TfLiteOperator[] Operators { get; }

    /// <summary>Accounts for a copy of a constant; see <see cref="FlatBuffer.Charge"/>.</summary>
    public void ChargeCopy(long bytes) => _buffer.Charge(0, bytes);

    // Numbers above 127 don't fit the deprecated byte; the byte is then 127, and older writers leave the new field 0.
    private static (int Code, string Custom) ReadCode(FlatTable t) => (Math.Max(t.Scalar<sbyte>(0), t.Scalar<int>(3)), t.Text(1));

    private TfLiteTensor ReadTensor(FlatTable t, FlatTable[] buffers)
    {
        uint buffer = t.Scalar<uint>(2);
        if (buffer >= buffers.Length && buffer != 0) throw _buffer.Bad(t.Position, $"buffer {buffer} of {buffers.Length}");
        FlatTable? q = t.Table(4);
        return new TfLiteTensor(t.Text(3), t.Scalar<byte>(1), t.Scalars<int>(0), buffer == 0 ? default : ReadBuffer(buffers[buffer]),
            q?.Scalars<float>(2) ?? [], q?.Scalars<long>(3) ?? [], q?.Scalar<int>(6) ?? 0, t.Flag(5), t.Table(6) is { } sparsity ? new TfLiteSparsity(sparsity, _buffer) : null);
    }

    /// <summary>Contents inside the FlatBuffer, or, in files above 2 GB, at an absolute offset behind it.</summary>
    private ReadOnlyMemory<byte> ReadBuffer(FlatTable t)
    {
        ulong offset = t.Scalar<ulong>(1), size = t.Scalar<ulong>(2);
        if (offset <= 1) return t.Bytes(0);
        if (offset > int.MaxValue || size > int.MaxValue) throw _buffer.Bad(t.Position, $"contents at {offset}, {size} bytes");
        return _buffer.Slice((long)offset, (long)size);
    }

    private TfLiteOperator ReadOperator(FlatTable t, int index, (int Code, string Custom)[] codes)
    {
        uint opcode = t.Scalar<uint>(0);
        if (opcode >= codes.Length) throw _buffer.Bad(t.Position, $"operator code {opcode} of {codes.Length}");
        return new TfLiteOperator(index, (TfLiteOperatorCode)codes[opcode].Code, codes[opcode].Custom, Indices(t, 1, optional: true),
            Indices(t, 2, optional: false), (TfLiteOptions)t.Scalar<byte>(3), t.Table(4), Indices(t, 8, optional: true));
    }

    private int[] Indices(FlatTable table, int field, bool optional)
    {
        int[] indices = table.Scalars<int>(field);
        foreach (int i in indices)
            if (i >= Tensors.Length || i < (optional ? -1 : 0)) throw _buffer.Bad(table.Position, $"tensor {i} of {Tensors.Length}");
        return indices;
    }
}
