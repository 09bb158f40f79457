using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using Xunit;

namespace EdgeRuntime.Cli.Tests;

public sealed class InputSamplesTests
{
    private static readonly QuantizationParameters Half = new([0.5f], [3]);

    private static ValueInfo Input(ElementType type, QuantizationParameters? quantization, params int[] shape) => new("x", type, new TensorShape(shape), quantization);

    private static Tensor Floats(TensorShape shape) => Tensor.From<float>(shape, [.. Enumerable.Range(0, (int)shape.ElementCount).Select(i => (float)i)]);

    [Fact]
    public void SamplesAreCutFromTheFirstAxis()
    {
        InputSamples samples = new(Input(ElementType.Float32, null, 1, 1, 3, 2), Floats(new TensorShape(4, 3, 2)));
        Assert.Equal(4, samples.Count);
        Assert.Equal([12f, 13, 14, 15, 16, 17], samples[2].AsSpan<float>().ToArray());
        Assert.Equal(new TensorShape(1, 1, 3, 2), samples[2].Shape);
    }

    [Fact]
    public void FlatFilesAndWholeBatchesFit()
    {
        Assert.Equal(2, new InputSamples(Input(ElementType.Float32, null, 1, 2, 3), Floats(new TensorShape(12))).Count);
        Assert.Equal(2, new InputSamples(Input(ElementType.Float32, null, 2, 5), Floats(new TensorShape(4, 5))).Count);
    }

    [Fact]
    public void RealDataAreQuantisedByTheInput()
    {
        InputSamples samples = new(Input(ElementType.Int8, Half, 1, 4), Tensor.From<float>(new TensorShape(1, 4), [0f, 0.25f, -1.5f, 1000f]));
        Assert.Equal([3, 3, 0, 127], samples[0].ToInts());
    }

    [Fact]
    public void IntegersStandForRealsWhereSaidSo()
    {
        Tensor data = Tensor.From<sbyte>(new TensorShape(1, 3), [3, 5, -128]);
        Assert.Equal([0f, 1, -65.5f], new InputSamples(Input(ElementType.Float32, null, 1, 3), data, new DataDescription(Half))[0].AsSpan<float>().ToArray());
        Assert.Equal([3, 5, -128], new InputSamples(Input(ElementType.Int8, Half, 1, 3), data)[0].ToInts());
        Assert.Equal([128, 130, 0], new InputSamples(Input(ElementType.UInt8, new([0.5f], [128]), 1, 3), data, new DataDescription(Half))[0].ToInts());
    }

    [Fact]
    public void ChannelsMoveWhereTheLayoutSaysSo()
    {
        // [H 2, W 1, C 3] as [C, H, W]: element (c, h) is h · 3 + c.
        InputSamples first = new(Input(ElementType.Float32, null, 1, 3, 2, 1), Floats(new TensorShape(1, 2, 1, 3)), new DataDescription(Layout: "nhwc"));
        Assert.Equal([0f, 3, 1, 4, 2, 5], first[0].AsSpan<float>().ToArray());
        InputSamples back = new(Input(ElementType.Float32, null, 1, 2, 1, 3), first[0], new DataDescription(Layout: "nchw"));
        Assert.Equal([0f, 1, 2, 3, 4, 5], back[0].AsSpan<float>().ToArray());
        Assert.Equal([0f, 1, 2], new InputSamples(Input(ElementType.Float32, null, 1, 3, 1, 1), Floats(new TensorShape(1, 1, 1, 3)), new DataDescription(Layout: "nhwc"))[0].AsSpan<float>().ToArray());
    }

    [Theory]
    [InlineData(ElementType.Float32, ElementType.Int8, "--data-scale")]
    [InlineData(ElementType.Int8, ElementType.UInt8, "--data-scale")]
    [InlineData(ElementType.Int64, ElementType.Float32, "can't be brought")]
    public void WhatCannotBeConvertedSaysWhatToGive(ElementType input, ElementType data, string remedy)
    {
        ValueInfo value = Input(input, input == ElementType.Int8 ? Half : null, 1, 4);
        ModelException e = Assert.Throws<ModelException>(() => new InputSamples(value, new Tensor(data, new TensorShape(1, 4), new byte[data.ByteCount(4)])));
        Assert.Contains(remedy, e.Message, StringComparison.Ordinal);
        Assert.Contains("input x", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void OtherShapesAreRefused()
    {
        ValueInfo input = Input(ElementType.Float32, null, 1, 3, 4, 5);
        Assert.Contains("multiple", Assert.Throws<ModelException>(() => new InputSamples(input, Floats(new TensorShape(7)))).Message, StringComparison.Ordinal);
        Assert.Contains("first axis", Assert.Throws<ModelException>(() => new InputSamples(input, Floats(new TensorShape(60, 2)))).Message, StringComparison.Ordinal);
        Assert.Contains("--data-layout", Assert.Throws<ModelException>(() => new InputSamples(input, Floats(new TensorShape(2, 4, 5, 3)))).Message, StringComparison.Ordinal);
    }
}
