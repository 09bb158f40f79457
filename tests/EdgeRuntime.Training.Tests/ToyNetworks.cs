using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Training.Tests;

/// <summary>A small network, and data that it can learn.</summary>
internal static class ToyNetworks
{
    /// <summary>All constants, in order.</summary>
    public static float[] Weights(Graph graph) => [.. graph.Values().Where(v => v.IsConstant).SelectMany(v => v.Constant!.ToFloats())];

    /// <summary>Images whose class is the quadrant that is bright.</summary>
    public static Dataset Blobs(int count, int seed)
    {
        RandomSource random = new((ulong)seed);
        float[] data = new float[count * 128];
        int[] labels = new int[count];
        for (int i = 0; i < count; i++)
        {
            labels[i] = random.Next(4);
            for (int p = 0; p < 64; p++)
            {
                bool bright = p / 32 == labels[i] / 2 && p % 8 / 4 == labels[i] % 2;
                data[i * 128 + 2 * p] = (bright ? 1.5f : 0) + random.Gaussian();
                data[i * 128 + 2 * p + 1] = random.Gaussian();
            }
        }
        return new Dataset(data, labels, 128);
    }

    public static Graph Network(int channels = 6, int seed = 9)
    {
        RandomSource random = new((ulong)seed);
        Graph graph = new("blobs");
        ValueInfo x = new("x", ElementType.Float32, new TensorShape(1, 8, 8, 2));
        graph.Inputs.Add(x);
        AttributeSet window = new AttributeSet().Set("strides", 2, 2).Set("dilations", 1, 1).Set("pads", 1, 1, 0, 0).Set("group", 1);
        x = Add(OperatorType.Convolution, "conv", [x, Weights("conv.w", channels, 3, 3, 2), Weights("conv.b", channels)], window);
        x = Add(OperatorType.BatchNormalization, "norm", [x, One("norm.s"), Weights("norm.b", channels), Weights("norm.m", channels), One("norm.v")], new AttributeSet().Set("epsilon", 1e-5f).Set("axis", -1));
        x = Add(OperatorType.Clip, "relu", [x], new AttributeSet().Set("min", 0f));
        x = Add(OperatorType.Transpose, "turn", [x], new AttributeSet().Set("perm", 0, 3, 1, 2));
        ValueInfo flat = new("flat", ElementType.Float32, new TensorShape(1, channels * 16));
        graph.Nodes.Add(new Node(OperatorType.Reshape, "flatten", [x], [flat]));
        graph.Outputs.Add(Add(OperatorType.FullyConnected, "logits", [flat, Weights("logits.w", 4, channels * 16), Weights("logits.b", 4)]));
        GraphValidator.Validate(graph);
        return graph;

        ValueInfo Weights(string name, params int[] shape) => new(name, Tensor.From<float>(new TensorShape(shape), [.. Enumerable.Range(0, shape.Aggregate((a, b) => a * b)).Select(_ => 0.2f * random.Gaussian())]));
        ValueInfo One(string name) => new(name, Tensor.From<float>(new TensorShape(channels), [.. Enumerable.Repeat(1f, channels)]));
        ValueInfo Add(OperatorType type, string name, ValueInfo[] inputs, AttributeSet? attributes = null)
        {
            ValueInfo output = new(name, ElementType.Float32, default);
            Node node = new(type, name, inputs, [output], attributes);
            output.Shape = ShapeInference.Infer(node);
            graph.Nodes.Add(node);
            return output;
        }
    }
}
