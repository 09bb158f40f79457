using System.Runtime.InteropServices;
using EdgeRuntime.Compressor.Onnx;
using EdgeRuntime.Model;
using Google.Protobuf;
using Xunit;
using static EdgeRuntime.Compressor.Tests.OnnxModels;

namespace EdgeRuntime.Compressor.Tests;

/// <summary>Weights that networks store sparse.</summary>
public sealed class SparseImportTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void OnnxSparseInitializers(bool coordinates)
    {
        ModelProto network = Network(13, [1, 4], Node("MatMul", "x w"));
        network.Graph.SparseInitializer.Add(Sparse(coordinates ? [0, 1, 2, 0, 3, 1] : [1, 4, 7], coordinates ? [3, 2] : [3]));
        Graph g = OnnxImporter.Import(network.ToByteArray(), "test");
        ValueInfo weights = g.Nodes.Single(n => n.Type == OperatorType.FullyConnected).Input(1);
        Assert.Equal([0, 0, 6, 0, 5, 0, 0, 7], weights.Constant!.ToFloats());
    }

    [Theory]
    [InlineData(new long[] { 1, 4, 8 })]
    [InlineData(new long[] { 1, 4, -1 })]
    [InlineData(new long[] { 1, 4 })]
    public void DamagedOnnxSparseInitializersAreRefused(long[] indices)
    {
        ModelProto network = Network(13, [1, 4], Node("MatMul", "x w"));
        network.Graph.SparseInitializer.Add(Sparse(indices, [indices.Length]));
        Assert.ThrowsAny<ModelException>(() => OnnxImporter.Import(network.ToByteArray(), "test"));
    }

    private static SparseTensorProto Sparse(long[] indices, int[] shape)
    {
        SparseTensorProto sparse = new() { Values = Floats("w", [3], 5, 6, 7), Indices = Raw("", TensorProto.Types.DataType.Int64, shape, indices) };
        sparse.Dims.AddRange([4L, 2L]);
        return sparse;
    }

    /// <summary>The 4×4 matrix of rows (1 0 0 2), (0 0 0 0), (0 3 0 0), (0 0 0 4), its columns compressed.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void TfLiteCompressedRows(int kind)
    {
        TfLiteTable levels0 = new() { [0] = (byte)0, [1] = 4 };
        TfLiteTable levels1 = new() { [0] = (byte)1, [2] = (byte)kind, [3] = Indices(kind, 0, 2, 2, 3, 4), [4] = (byte)kind, [5] = Indices(kind, 0, 3, 1, 3) };
        Graph graph = Import(new TfLiteTable { [0] = new[] { 0, 1 }, [2] = new[] { levels0, levels1 } }, [1, 2, 3, 4]);
        ValueInfo weights = graph.Nodes.Single(n => n.Type == OperatorType.FullyConnected).Input(1);
        Assert.Equal([1, 0, 0, 2, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 4], weights.Constant!.ToFloats());
        Assert.Equal(Sparsity.Unstructured, weights.Sparsity);
    }

    /// <summary>Blocks of 1×2 (output channels × reduction): the second of row 0 and the first of row 3.</summary>
    [Fact]
    public void TfLiteBlocks()
    {
        Graph graph = Import(Blocks([0, 1, 1, 1, 2], [1, 0], 2), [5, 6, 7, 8]);
        ValueInfo weights = graph.Nodes.Single(n => n.Type == OperatorType.FullyConnected).Input(1);
        Assert.Equal([0, 0, 5, 6, 0, 0, 0, 0, 0, 0, 0, 0, 7, 8, 0, 0], weights.Constant!.ToFloats());
        Assert.Equal(Sparsity.Parse("1x2"), weights.Sparsity);
    }

    [Fact]
    public void DamagedTfLiteSparsityIsRefused()
    {
        foreach (TfLiteTable bad in (TfLiteTable[])[Blocks([0, 1, 1, 1, 2], [1, 2], 2), Blocks([0, 1, 1, 1], [1, 0], 2), Blocks([0, 1, 1, 1, 3], [1, 0], 2), Blocks([-1, 1, 1, 1, 2], [1, 0], 2),
            Blocks([0, 1, 1, 1, 2], [1, 0], 3), Blocks([0, 1, 1, 1, 2], [1, 0], 0), Blocks([0, 1, 1, 1, 1], [1, 0], 2), new TfLiteTable()])
            Assert.ThrowsAny<ModelException>(() => Import(bad, [5, 6, 7, 8]));
    }

    private static TfLiteTable Blocks(int[] segments, int[] indices, int side) => new()
    {
        [0] = new[] { 0, 1, 2 },
        [1] = new[] { 1 },
        [2] = new[]
        {
            new TfLiteTable { [0] = (byte)0, [1] = 4 },
            new TfLiteTable { [0] = (byte)1, [2] = (byte)1, [3] = new TfLiteTable { [0] = segments }, [4] = (byte)1, [5] = new TfLiteTable { [0] = indices } },
            new TfLiteTable { [0] = (byte)0, [1] = side },
        },
    };

    private static TfLiteTable Indices(int kind, params int[] values) => new()
    {
        [0] = kind switch
        {
            1 => values,
            2 => Array.ConvertAll(values, v => (ushort)v),
            _ => Array.ConvertAll(values, v => (byte)v),
        },
    };

    private static Graph Import(TfLiteTable sparsity, float[] values)
    {
        TfLiteWriter w = new();
        int x = w.Tensor("x", 0, [1, 4]), weights = w.Tensor("w", 0, [4, 4], MemoryMarshal.AsBytes<float>(values).ToArray(), sparsity: sparsity);
        int dense = w.Tensor("dense", 0, [4, 4]), y = w.Tensor("y", 0, [1, 4]);
        w.Operator(124, [weights], dense);
        w.Operator(9, [x, dense], y, 8, new TfLiteTable());
        return TfLiteImporter.Import(w.Write([x], [y]), "test");
    }
}
