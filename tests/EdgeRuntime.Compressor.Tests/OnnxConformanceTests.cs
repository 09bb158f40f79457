using System.Text.RegularExpressions;
using EdgeRuntime.Compressor.Onnx;
using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using Xunit;

namespace EdgeRuntime.Compressor.Tests;

/// <summary>
/// ONNX's own conformance tests (Debian's libonnx-testdata; ONNX_TESTDATA names another folder) of the operators that are
/// translated: import, run, compare. What is known not to be supported stands in a list, so that nothing is lost unseen.
/// </summary>
public sealed class OnnxConformanceTests
{
    private static readonly string Root = Environment.GetEnvironmentVariable("ONNX_TESTDATA") ?? "/usr/share/libonnx-testdata/data";

    /// <summary>Operators whose operands may all be computed; the others' later inputs are given as constants.</summary>
    private static readonly string[] Computed = ["Add", "Sub", "Mul", "Div", "Sum", "Concat", "Max", "Min", "PRelu"];

    /// <summary>Operators that are known on constants only.</summary>
    private static readonly string[] Folded = ["ConstantOfShape", "Cast", "Equal", "Not", "Floor", "Ceil"];

    /// <summary>Tests, by pattern, that are reported as not supported, and what the report says.</summary>
    private static readonly (string Test, string Reason)[] NotSupported =
    [
        ("test_(add|sub|mul|div)_uint8", "of UInt8 values"),
        ("test_clip_default_int8", "of Int8 values"),
        ("test_operator_non_float_params", "of Int64 values"),
        ("training_mode|training_dropout", "in training mode"),
        ("STRING", "values of type String"),
        ("test_(max|min)_u?int", "Int"),
        ("test_layer_normalization.*(?<!expanded)$", "only its first output"),
        ("resize.*cubic", "resizing by cubic"),
        ("crop_and_resize", "coordinate_transformation_mode"),
        ("test_where", "Where other than"),
        ("test_dropout_default_mask|with_argmax", "only its first output"),
        ("lstm_with_peepholes", "peephole weights"),
        ("test_pow(?!_bcast_scalar)|operator_pow", "the power"),
        ("test_Embedding", "the indices"),
        ("test_equal_bcast", "Equal of values"),
        ("matmul_(3|4)[dD]", "a right-hand matrix"),
        ("maxpool_2d_dilations|MaxPool.*_dilation", "a dilated pooling window"),
    ];

    /// <summary>Tests that import, but that the runtime can't run, and what it says: it has integers only as quantised bytes.</summary>
    private static readonly (string Test, string Reason)[] NotRunnable =
    [
        ("quantizelinear_axis", "per-tensor"),
        ("convinteger|matmulinteger", "no Quantize"),
        ("test_maxpool_2d_uint8", "must both be"),
        ("mvn_expanded", "not consecutive"),
    ];

    /// <summary>
    /// 16-bit floats become binary32, so that casts to them don't round; an open batch is 1, not 0; the sign of 0 is +1; truth values stay inside;
    /// corners are those of the result, whose size is whole (as ONNX Runtime has it), not those of a size that was not rounded.
    /// </summary>
    private const string Different = "BFLOAT16|to_FLOAT16|allowzero_reordered|split_zero_size|test_sign|test_(greater|less)|downsample_scales_linear_align_corners";

    public static TheoryData<string> Cases()
    {
        TheoryData<string> cases = [];
        foreach (string suite in new[] { "node", "pytorch-converted", "pytorch-operator", "simple" })
        {
            if (!Directory.Exists(Path.Combine(Root, suite))) continue;
            foreach (string folder in Directory.GetDirectories(Path.Combine(Root, suite)).Order(StringComparer.Ordinal))
                if (!Regex.IsMatch(folder, Different) && ReadModel(folder).Graph is var g && g.Node.All(n => OnnxOperators.Keys.Contains(OnnxNode.Key(n))) && g.Input.All(i => i.Type.TensorType is not null))
                    cases.Add(Path.GetRelativePath(Root, folder));
        }
        if (cases.Count == 0) cases.Add("");
        return cases;
    }

    [SkippableTheory]
    [MemberData(nameof(Cases))]
    public void NodeGivesTheStandardsResult(string test)
    {
        Skip.If(test.Length == 0, $"{Root} is missing; install libonnx-testdata, or name its folder in ONNX_TESTDATA");
        string folder = Path.Combine(Root, test), data = Path.Combine(folder, "test_data_set_0");
        ModelProto model = ReadModel(folder);
        List<Tensor> inputs = BindInputs(model.Graph, data);
        Graph graph;
        try
        {
            graph = OnnxImporter.Import(model, test);
        }
        catch (ImportException e) when (e.Kind == ModelErrorKind.Unsupported)
        {
            Assert.Contains(Reason(NotSupported, test) ?? "(nothing)", e.Message, StringComparison.Ordinal);
            return;
        }
        Assert.Null(Reason(NotSupported, test));
        if (Reason(NotRunnable, test) is { } reason)
        {
            Assert.Contains(reason, Assert.Throws<ModelException>(() => Run(graph, inputs)).Message, StringComparison.Ordinal);
            return;
        }
        IReadOnlyList<Tensor> outputs = Run(graph, inputs);
        for (int i = 0; i < outputs.Count; i++) Compare(ReadTensor(Path.Combine(data, $"output_{i}.pb")), outputs[i]);
    }

    private static string? Reason((string Test, string Reason)[] list, string test) => list.FirstOrDefault(e => Regex.IsMatch(test, e.Test)).Reason;

    /// <summary>Makes initializers of the inputs that must be constant; returns the contents of the others.</summary>
    private static List<Tensor> BindInputs(GraphProto graph, string data)
    {
        string type = graph.Node[0].OpType;
        HashSet<string> constants = [.. graph.Initializer.Select(t => t.Name)];
        List<Tensor> bound = [];
        int file = 0;
        foreach (ValueInfoProto input in graph.Input.Where(i => !constants.Contains(i.Name)).ToList())
        {
            TensorProto tensor = TensorProto.Parser.ParseFrom(File.ReadAllBytes(Path.Combine(data, $"input_{file++}.pb")));
            tensor.Name = input.Name;
            if (Folded.Contains(type) || (bound.Count > 0 && !Computed.Contains(type))) graph.Initializer.Add(tensor);
            else bound.Add(OnnxTensors.Read(tensor, null));
        }
        return bound;
    }

    private static IReadOnlyList<Tensor> Run(Graph graph, List<Tensor> inputs)
    {
        using InferenceSession session = new(GraphOptimizer.Optimize(graph));
        for (int i = 0; i < inputs.Count; i++) inputs[i].Data.Span.CopyTo(session.InputBytes(i));
        session.Run();
        return [.. session.Outputs.Select((v, i) => new Tensor(v.Type, v.Shape, session.OutputBytes(i).ToArray()))];
    }

    private static void Compare(Tensor expected, Tensor actual)
    {
        Assert.Equal(expected.Type, actual.Type);
        Assert.Equal(expected.Shape, actual.Shape);
        float[] e = expected.ToFloats(), a = actual.ToFloats();
        float tolerance = expected.Type == ElementType.Float32 ? 1e-4f : 1;
        for (int i = 0; i < e.Length; i++)
            Assert.True(e[i].Equals(a[i]) || e[i] == a[i] || MathF.Abs(e[i] - a[i]) <= tolerance * (tolerance < 1 ? Math.Max(1, MathF.Abs(e[i])) : 1), $"element {i}: {a[i]}, not {e[i]}");
    }

    /// <summary>The model; those of an older operator set hold nothing that changed in 7, and are read as that.</summary>
    private static ModelProto ReadModel(string folder)
    {
        ModelProto model = ModelProto.Parser.ParseFrom(File.ReadAllBytes(Path.Combine(folder, "model.onnx")));
        foreach (OperatorSetIdProto set in model.OpsetImport.Where(s => s.Version < 7)) set.Version = 7;
        return model;
    }

    private static Tensor ReadTensor(string path) => OnnxTensors.Read(TensorProto.Parser.ParseFrom(File.ReadAllBytes(path)), null);
}
