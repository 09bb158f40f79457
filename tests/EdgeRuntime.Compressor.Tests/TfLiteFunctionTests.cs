using System.Runtime.InteropServices;
using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using Xunit;

namespace EdgeRuntime.Compressor.Tests;

/// <summary>Functions of elements, reductions and picked elements, in files of one operator: results by hand, in float and on bytes.</summary>
public sealed class TfLiteFunctionTests
{
    private const byte Float = 0, Int32 = 2, Int8 = 9;
    private const float Step = 1 / 16f;

    public static TheoryData<string, int[], int[], float[]> Cases => new()
    {
        { "ABS", [3], [], [2, 0.5f, 1] },
        { "NEG", [3], [], [2, -0.5f, -1] },
        { "SQUARE", [3], [], [4, 0.25f, 1] },
        { "EXP", [3], [], [0.135335f, 1.648721f, 2.718282f] },
        { "ELU", [3], [], [-0.864665f, 0.5f, 1] },
        { "HARD_SWISH", [3], [], [-1 / 3f, 0.2916667f, 2 / 3f] },
        { "LEAKY_RELU", [3], [], [-0.4f, 0.5f, 1] },
        { "PRELU", [3], [], [-0.5f, 0.5f, 1] },
        { "MAXIMUM", [3], [], [0.25f, 0.5f, 1] },
        { "MINIMUM", [3], [], [-2, 0.25f, 0.25f] },
        { "SQUARED_DIFFERENCE", [3], [], [5.0625f, 0.0625f, 0.5625f] },
        { "L2_NORMALIZATION", [3], [], [-0.8728716f, 0.2182179f, 0.4364358f] },
        { "LOG_SOFTMAX", [3], [], [-3.504593f, -1.004593f, -0.504593f] },
        { "SUM", [1], [0], [-0.5f] },
        { "REDUCE_MAX", [1], [0], [1] },
        { "REDUCE_MIN", [1], [0], [-2] },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void FunctionsGiveTheirValues(string name, int[] shape, int[] axes, float[] expected)
    {
        float[] x = [-2, 0.5f, 1];
        foreach (bool isFloat in new[] { true, false })
        {
            TfLiteWriter file = new();
            byte type = isFloat ? Float : Int8;
            float[]? scale = isFloat ? null : [Step];
            int input = file.Tensor("x", type, [3], null, scale), output = file.Tensor("y", type, shape, null, scale);
            List<int> inputs = [input];
            if (name is "PRELU" or "MAXIMUM" or "MINIMUM" or "SQUARED_DIFFERENCE") inputs.Add(file.Tensor("c", type, [1], isFloat ? MemoryMarshal.AsBytes<float>([0.25f]).ToArray() : [4], scale));
            if (axes.Length > 0) inputs.Add(file.Integers(axes));
            (byte options, TfLiteTable? table) = name switch
            {
                "LEAKY_RELU" => ((byte)75, new TfLiteTable { [0] = 0.2f }),
                "SUM" or "REDUCE_MAX" or "REDUCE_MIN" => ((byte)27, new TfLiteTable { [0] = true }),
                _ => ((byte)0, null),
            };
            file.Operator(Code(name), [.. inputs], output, options, table);
            float[] y = isFloat ? Run<float>(file, input, output, x) : Array.ConvertAll(Run<sbyte>(file, input, output, Array.ConvertAll(x, v => (sbyte)(v / Step))), v => v * Step);
            for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], y[i], isFloat ? 1e-5f : Step);
        }
    }

    [Fact]
    public void SlicesSplitsAndPacksPickTheirElements()
    {
        TfLiteWriter file = new();
        int x = file.Tensor("x", Float, [2, 3, 2]), row = file.Tensor("row", Float, [3, 2]), left = file.Tensor("left", Float, [3, 1]), right = file.Tensor("right", Float, [3, 1]);
        int tail = file.Tensor("tail", Float, [2, 1]), packed = file.Tensor("packed", Float, [2, 2, 1]), y = file.Tensor("y", Float, [2, 3, 1]);
        file.Operator(45, [x, file.Integers(-1, 0, 0), file.Integers(0, 0, 2), file.Integers(1, 1, 1)], row, 32, new() { [0] = 6, [1] = 2, [4] = 1 });
        file.Operator(49, [file.Integers(1), row], [left, right], 0, null);
        file.Operator(65, [right, file.Integers(1, 0), file.Integers(-1, 1)], tail);
        file.Operator(83, [tail, tail], packed, 59, new() { [0] = 2, [1] = 0 });
        file.Operator(36, [packed, file.Integers(1, 1, 0)], y, 23, new() { [0] = 1 });
        Assert.Equal([12f, 12, 10, 12, 12, 10], Run<float>(file, x, y, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]));
    }

    [Theory]
    [InlineData(false, false, new float[] { 1, 1, 2, 2 }, new float[] { 1, 1.5f, 2, 2 })]
    [InlineData(true, false, new float[] { 1, 1, 2, 2 }, new[] { 1, 4 / 3f, 5 / 3f, 2 })]
    [InlineData(false, true, new float[] { 1, 1, 2, 2 }, new[] { 1, 1.25f, 1.75f, 2 })]
    public void SizesChangeAsTensorFlowDoes(bool corners, bool centres, float[] nearest, float[] linear)
    {
        foreach ((int code, byte options, int first, float[] expected) in new[] { (97, (byte)74, 0, nearest), (23, (byte)15, 2, linear) })
        {
            TfLiteWriter file = new();
            int x = file.Tensor("x", Float, [1, 1, 2, 1]), y = file.Tensor("y", Float, [1, 2, 4, 1]);
            file.Operator(code, [x, file.Integers(2, 4)], y, options, new() { [first] = corners, [first + 1] = centres });
            float[] result = Run<float>(file, x, y, [1, 2]);
            for (int i = 0; i < 8; i++) Assert.Equal(expected[i % 4], result[i], 1e-6f);
        }
    }

    [Fact]
    public void BlocksGoToPlacesAndBack()
    {
        TfLiteWriter file = new();
        int x = file.Tensor("x", Float, [1, 1, 2, 4]), wide = file.Tensor("wide", Float, [1, 2, 4, 1]), y = file.Tensor("y", Float, [1, 1, 2, 4]);
        file.Operator(5, [x], wide, 94, new() { [0] = 2 });
        file.Operator(26, [wide], y, 19, new() { [0] = 2 });
        Graph graph = TfLiteImporter.Import(file.Write([x], [wide, y]), "test.tflite");
        using InferenceSession session = new(GraphOptimizer.Optimize(graph));
        new float[] { 1, 2, 3, 4, 5, 6, 7, 8 }.CopyTo(session.Input<float>(0));
        session.Run();
        Assert.Equal([1f, 2, 5, 6, 3, 4, 7, 8], session.Output<float>(0).ToArray());
        Assert.Equal([1f, 2, 3, 4, 5, 6, 7, 8], session.Output<float>(1).ToArray());
    }

    [Theory]
    [InlineData(0, new float[] { 3, 2, 1, 2, 3, 2 })]
    [InlineData(1, new float[] { 2, 1, 1, 2, 3, 3 })]
    public void BordersAreMirrored(int mode, float[] expected)
    {
        TfLiteWriter file = new();
        int x = file.Tensor("x", Int8, [3], null, [Step]), y = file.Tensor("y", Int8, [6], null, [Step]);
        file.Operator(100, [x, file.Tensor("p", Int32, [1, 2], MemoryMarshal.AsBytes<int>([2, 1]).ToArray())], y, 77, new() { [0] = (byte)mode });
        Assert.Equal(expected, Array.ConvertAll(Run<sbyte>(file, x, y, [1, 2, 3]), v => (float)v));
    }

    private static int Code(string name) => Enumerable.Range(0, 200).First(code => TfLiteSchema.NameOf(code) == name);

    private static T[] Run<T>(TfLiteWriter file, int input, int output, T[] x) where T : unmanaged
    {
        using InferenceSession session = new(GraphOptimizer.Optimize(TfLiteImporter.Import(file.Write([input], [output]), "test.tflite")));
        MemoryMarshal.AsBytes<T>(x).CopyTo(session.InputBytes(0));
        session.Run();
        return MemoryMarshal.Cast<byte, T>(session.OutputBytes(0)).ToArray();
    }
}
