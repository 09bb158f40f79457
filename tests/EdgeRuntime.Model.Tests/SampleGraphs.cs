using EdgeRuntime.Tensors;

namespace EdgeRuntime.Model.Tests;

/// <summary>Small graphs that together use every feature of the IR; by name, the contents of tests/fixtures.</summary>
internal static class SampleGraphs
{
    /// <summary>All of them: file name, graph, options.</summary>
    public static IEnumerable<(string Name, Graph Graph, ModelWriterOptions Options)> All()
    {
        yield return ("convolution-int8", ConvolutionInt8(), new ModelWriterOptions());
        yield return ("element-types", ElementTypeGraph(), new ModelWriterOptions());
        yield return ("attributes", Attributes(), new ModelWriterOptions());
        Graph dense = Dense();
        yield return ("all-sections", dense, new ModelWriterOptions { Golden = GoldenOf(dense), Prepacked = PanelsOf() });
        yield return ("short-names", ConvolutionInt8(), new ModelWriterOptions { ShortNames = true });
        yield return ("sparse", Sparse(), new ModelWriterOptions());
        yield return ("functions", Functions(), new ModelWriterOptions());
        yield return ("smallest", Smallest(), new ModelWriterOptions());
    }

    /// <summary>Convolution, depthwise, add, pool, per-channel weights, asymmetric activations, a shared bias.</summary>
    public static Graph ConvolutionInt8()
    {
        Graph graph = new("convolution");
        ValueInfo x = new("image", ElementType.Int8, new TensorShape(1, 5, 4, 2), new QuantizationParameters(0.5f, -3));
        ValueInfo w = new("conv/weights", Tensor.From<sbyte>(new TensorShape(3, 3, 3, 2), Numbers(54)),
            new QuantizationParameters([0.25f, 0.125f, 1e-6f], axis: 0));
        ValueInfo b = new("conv/bias", Tensor.Vector(1, -2, int.MaxValue), new QuantizationParameters([0.125f, 0.0625f, 5e-7f], axis: 0));
        ValueInfo y = new("conv", ElementType.Int8, new TensorShape(1, 5, 4, 3), new QuantizationParameters(0.75f, 127));
        ValueInfo dw = new("depthwise/weights", Tensor.From<sbyte>(new TensorShape(3, 1, 1, 1), Numbers(3)), new QuantizationParameters([1f, 2f, 3f], [1, -1, 0], axis: 0));
        ValueInfo db = new("depthwise/bias", Tensor.Vector(1, -2, int.MaxValue));
        ValueInfo z = new("depthwise", ElementType.Int8, y.Shape, new QuantizationParameters(0.75f, -128));
        ValueInfo pooled = new("pool", ElementType.Int8, new TensorShape(1, 2, 2, 3), z.Quantization);
        graph.Inputs.Add(x);
        graph.Nodes.Add(new Node(OperatorType.Convolution, "conv", [x, w, b], [y], Window().Set("dilations", 1, 1).Set("pads", 1, 1, 1, 1).Set("group", 1).Set("min", 0f)));
        graph.Nodes.Add(new Node(OperatorType.Convolution, "depthwise", [y, dw, db], [z], Window().Set("dilations", 2, 1).Set("pads", 0, 0, 0, 0).Set("group", 3).Set("min", 0f).Set("max", 6f)));
        graph.Nodes.Add(new Node(OperatorType.AveragePool, "pool", [z], [pooled], new AttributeSet().Set("kernel", 2, 2).Set("strides", 2, 2).Set("pads", 0, 0, 0, 0).Set("count_include_pad", 1)));
        graph.Outputs.Add(pooled);
        return graph;

        static AttributeSet Window() => new AttributeSet().Set("strides", 1, 1);
    }

    /// <summary>One constant of every element type, as graph outputs, with every kind of quantisation.</summary>
    public static Graph ElementTypeGraph()
    {
        Graph graph = new("types");
        foreach (ElementType type in Enum.GetValues<ElementType>())
        {
            // 3 × 5 elements: odd, so that the last byte of the small types is not full.
            TensorShape shape = new(3, 5);
            byte[] data = new byte[type.ByteCount(15)];
            for (int i = 0; i < data.Length; i++) data[i] = (byte)(type == ElementType.Bool ? i % 2 : i * 37 + 11);
            graph.Outputs.Add(new ValueInfo($"constant-{type}", new Tensor(type, shape, data), type switch
            {
                ElementType.Int8 => new QuantizationParameters(0.5f, 3),
                ElementType.UInt8 => new QuantizationParameters([0.5f, 0.25f, float.Epsilon], [0, 128, 255], axis: 0),
                ElementType.Int4 => new QuantizationParameters([1, 2, 3, 4, 5, 6], axis: 0, groupSize: 4),
                ElementType.Int16 => new QuantizationParameters([1, 2, 3, 4, 5], axis: 1),
                ElementType.Binary => new QuantizationParameters([0.5f, 1.5f], axis: -1, groupSize: 8),
                _ => null,
            }));
        }
        graph.Outputs.Add(new ValueInfo("scalar", new Tensor(ElementType.Float32, TensorShape.Scalar, new byte[4])));
        graph.Outputs.Add(new ValueInfo("empty", new Tensor(ElementType.Int32, new TensorShape(2, 0, 3), default)));
        graph.Outputs.Add(new ValueInfo("rank-8", new Tensor(ElementType.Int8, new TensorShape(1, 1, 2, 1, 1, 1, 1, 1), new byte[] { 1, 2 })));
        return graph;
    }

    /// <summary>Constants of every type that may be sparse, in every kind of pattern, with groups and blocks cut off at the edges.</summary>
    public static Graph Sparse()
    {
        Graph graph = new("sparse");
        foreach (string pattern in (string[])["unstructured", "2:4", "4:8", "1:4", "3:5", "1x4", "4x1", "4x4", "8x1", "16x16"])
            foreach (ElementType type in (ElementType[])[ElementType.Float32, ElementType.Float16, ElementType.Int8, ElementType.Int4])
                graph.Outputs.Add(SparseConstant($"{pattern} {type}", type, new TensorShape(9, 3, 7), Sparsity.Parse(pattern), 5));
        graph.Outputs.Add(SparseConstant("all zero", ElementType.Float32, new TensorShape(1, 1000), Sparsity.Unstructured, int.MaxValue));
        graph.Outputs.Add(SparseConstant("far apart", ElementType.Int8, new TensorShape(4, 600), Sparsity.Unstructured, 701));
        graph.Outputs.Add(SparseConstant("dense", ElementType.Int8, new TensorShape(5), Sparsity.Parse("2:4"), 2));
        return graph;
    }

    /// <summary>Every operator that came with version 1.2.</summary>
    public static Graph Functions()
    {
        Graph graph = new("functions");
        ValueInfo last = new("x", ElementType.Float32, new TensorShape(1, 4));
        graph.Inputs.Add(last);
        foreach (OperatorType type in (OperatorType[])[OperatorType.Abs, OperatorType.Exp, OperatorType.Log, OperatorType.LeakyRelu, OperatorType.HardSwish, OperatorType.Maximum, OperatorType.Minimum, OperatorType.Gather])
        {
            AttributeSet attributes = new();
            if (type == OperatorType.LeakyRelu) attributes.Set("alpha", 0.1f);
            if (type == OperatorType.Gather) attributes.Set("axis", 1).Set("indices", 3, 0, 0, 2, 1);
            Node node = new(type, type.ToString(), type.IsPairwise() ? [last, graph.Inputs[0]] : [last], [new ValueInfo("y" + type, ElementType.Float32, default)], attributes);
            node.Output.Shape = ShapeInference.Infer(node);
            graph.Nodes.Add(node);
            last = node.Output;
        }
        graph.Outputs.Add(last);
        return graph;
    }

    /// <summary>A constant whose every <paramref name="step"/>th block or group holds numbers.</summary>
    public static ValueInfo SparseConstant(string name, ElementType type, TensorShape shape, Sparsity sparsity, int step)
    {
        (int rows, int columns) = Sparsity.MatrixOf(shape);
        int size = type.Bits(), high = sparsity.Kind == SparsityKind.NM ? 1 : sparsity.First, gridColumns = (columns + sparsity.Second - 1) / sparsity.Second;
        byte[] data = new byte[type.ByteCount(shape.ElementCount)];
        for (int i = 0; i < rows * columns; i++)
        {
            int row = i / columns, column = i % columns, block = row / high * gridColumns + column / sparsity.Second;
            if ((block + 1) % step != 0 || (sparsity.Kind == SparsityKind.NM && (column + row) % sparsity.Second >= sparsity.First)) continue;
            for (int b = 0; b < size; b++)
                if ((i * 2654435761u >> (b % 29) & 1) != 0) data[(i * size + b) / 8] |= (byte)(1 << ((i * size + b) % 8));
        }
        return new ValueInfo(name, new Tensor(type, shape, data)) { Sparsity = sparsity };
    }

    /// <summary>Attributes of every kind that an operator has, with extreme numbers, and text that is not ASCII.</summary>
    public static Graph Attributes()
    {
        Graph graph = new("Merkmale — 特徴 🙂");
        graph.Metadata[MetadataKeys.Labels] = "ja\nnein\nвозможно";
        graph.Metadata["empty"] = "";
        ValueInfo x = new("x", ElementType.Float32, new TensorShape(2, 3));
        ValueInfo padded = new("padded", ElementType.Float32, new TensorShape(2, 303));
        ValueInfo clipped = new("clipped", ElementType.Float32, padded.Shape);
        ValueInfo swapped = new("swapped", ElementType.Float32, new TensorShape(303, 2));
        ValueInfo mean = new("mean", ElementType.Float32, new TensorShape(1, 2));
        ValueInfo soft = new("soft", ElementType.Float32, mean.Shape);
        ValueInfo flat = new("flat", ElementType.Float32, new TensorShape(2));
        graph.Inputs.Add(x);
        graph.Nodes.Add(new Node(OperatorType.Pad, "pad", [x], [padded], new AttributeSet().Set("pads", 0, 300, 0, 0).Set("value", float.Epsilon)));
        graph.Nodes.Add(new Node(OperatorType.Clip, "clip", [padded], [clipped], new AttributeSet().Set("min", float.NegativeInfinity).Set("max", float.MaxValue)));
        graph.Nodes.Add(new Node(OperatorType.Transpose, "", [clipped], [swapped], new AttributeSet().Set("perm", 1, 0)));
        graph.Nodes.Add(new Node(OperatorType.ReduceMean, "mean", [swapped], [mean], new AttributeSet().Set("axes", [-2]).Set("keepdims", int.MinValue)));
        graph.Nodes.Add(new Node(OperatorType.Softmax, "soft", [mean], [soft], new AttributeSet().Set("axis", -1).Set("beta", -0f)));
        graph.Nodes.Add(new Node(OperatorType.Reshape, "flat", [soft], [flat]));
        graph.Outputs.AddRange([flat, mean]);
        return graph;
    }

    /// <summary>A fully connected layer without bias, with its input quantised and its output dequantised.</summary>
    public static Graph Dense()
    {
        Graph graph = new("dense");
        graph.Metadata[MetadataKeys.SourceName] = "dense.onnx";
        ValueInfo x = new("x", ElementType.Float32, new TensorShape(1, 4));
        ValueInfo q = new("q", ElementType.UInt8, x.Shape, new QuantizationParameters(0.1f, 200));
        ValueInfo w = new("w", Tensor.From<sbyte>(new TensorShape(2, 4), Numbers(8)), new QuantizationParameters(0.1f, 0));
        ValueInfo y = new("y", ElementType.Int8, new TensorShape(1, 2), new QuantizationParameters(0.1f, 0));
        ValueInfo r = new("r", ElementType.Float32, y.Shape);
        graph.Inputs.Add(x);
        graph.Nodes.Add(new Node(OperatorType.Quantize, "quantize", [x], [q]));
        graph.Nodes.Add(new Node(OperatorType.FullyConnected, "dense", [q, w, null], [y]));
        graph.Nodes.Add(new Node(OperatorType.Dequantize, "dequantize", [y], [r]));
        graph.Outputs.Add(r);
        return graph;
    }

    /// <summary>Nothing but an input that is the output.</summary>
    public static Graph Smallest()
    {
        Graph graph = new("");
        ValueInfo x = new("x", ElementType.Float32, TensorShape.Scalar);
        graph.Inputs.Add(x);
        graph.Outputs.Add(x);
        return graph;
    }

    /// <summary>Two golden samples of <see cref="Dense"/>; their numbers mean nothing.</summary>
    public static IReadOnlyList<GoldenSample> GoldenOf(Graph dense) =>
    [
        new([Tensor.From(dense.Inputs[0].Shape, [1f, 2f, 3f, 4f])], [Tensor.From(dense.Outputs[0].Shape, [5f, 6f])]),
        new([Tensor.From(dense.Inputs[0].Shape, [-1f, -2f, -3f, -4f])], [Tensor.From(dense.Outputs[0].Shape, [7f, float.NaN])]),
    ];

    /// <summary>Two panels for <see cref="Dense"/>, one of them empty.</summary>
    public static IReadOnlyList<PrepackedPanel> PanelsOf() =>
    [
        new("dense", "gemm-a", Sha256.Hash([1]), new byte[] { 1, 2, 3, 4, 5 }),
        new("dense", "gemm-b", Sha256.Hash([2]), ReadOnlyMemory<byte>.Empty),
    ];

    private static sbyte[] Numbers(int count) => [.. Enumerable.Range(0, count).Select(i => (sbyte)(i * 29 - 128))];
}
