using EdgeRuntime.Tensors;
using Xunit;

namespace EdgeRuntime.Kernels.Tests;

/// <summary>Float products with weights of 4 and 8 bits stay within the stated bound of the definition.</summary>
public sealed unsafe class NibbleLinearConformanceTests
{
    public static TheoryData<string> Cases() => [.. ChosenKernels.Ids(NibbleLinearKernels.All.Select(k => k.Descriptor))];

    [Theory]
    [MemberData(nameof(Cases))]
    public void IsWithinTheBound(string id)
    {
        NibbleLinearKernel kernel = NibbleLinearKernels.All.Single(k => k.Descriptor.Id == id);
        Random random = new(3);
        foreach (int rows in (int[])[0, 1, 3])
            foreach (int inputs in (int[])[1, 31, 32, 33, 96, 200])
                foreach (int outputs in (int[])[1, 8, 31, 32, 33, 70])
                    foreach ((int bits, int group) in ((int, int)[])[(4, 0), (4, 32), (4, 64), (8, 0)])
                        Check(kernel, new NibbleLinearShape(rows, inputs, outputs, bits, group), random);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void APowerOfTwoPassesThrough(string id)
    {
        NibbleLinearKernel kernel = NibbleLinearKernels.All.Single(k => k.Descriptor.Id == id);
        foreach ((int bits, int group) in ((int, int)[])[(4, 0), (4, 32), (8, 0)])
        {
            NibbleLinearShape shape = new(1, 70, 33, bits, group);
            float[] x = Floats(shape.Inputs, new Random(5)), expected = Result(kernel, shape, x);
            foreach (int power in (int[])[-60, 40, 110])
                Assert.Equal(expected, Result(kernel, shape, [.. x.Select(v => MathF.ScaleB(v, power))]).Select(v => MathF.ScaleB(v, -power)));
            Assert.All(Result(kernel, shape, new float[shape.Inputs]), v => Assert.Equal(0, v));
        }
    }

    /// <summary>One row times random weights, without bias or clamp.</summary>
    private static float[] Result(NibbleLinearKernel kernel, in NibbleLinearShape shape, float[] x)
    {
        Random random = new(6);
        sbyte[] weights = [.. Enumerable.Range(0, shape.Outputs * shape.Inputs).Select(_ => (sbyte)random.Next(-8, 8))];
        float[] scales = [.. Enumerable.Range(0, shape.Outputs * shape.Groups).Select(_ => random.NextSingle())], result = new float[shape.Outputs];
        using NativeBuffer packed = new(NibbleLinearKernel.PackedBytes(shape)), scratch = new(NibbleLinearKernel.ScratchBytes(shape, 1));
        NibbleLinearKernel.Pack(shape, weights, scales, [], packed.Span<byte>(0, (int)packed.Length));
        fixed (float* input = x, output = result)
        {
            NibbleLinearCall call = new()
            {
                Shape = shape,
                Packed = packed.Pointer,
                Input = input,
                Output = output,
                Scratch = scratch.Pointer,
                Min = float.NegativeInfinity,
                Max = float.PositiveInfinity,
            };
            kernel.Run(call, 0, NibbleLinearKernel.Portions(shape), 0);
        }
        return result;
    }

    private static void Check(NibbleLinearKernel kernel, in NibbleLinearShape shape, Random random)
    {
        float[] x = Floats(shape.Rows * shape.Inputs, random), scales = [.. Floats(shape.Outputs * shape.Groups, random).Select(s => Math.Abs(s) + 0.1f)], bias = Floats(shape.Outputs, random);
        int low = -(1 << (shape.Bits - 1));
        sbyte[] weights = new sbyte[shape.Outputs * shape.Inputs];
        for (int i = 0; i < weights.Length; i++) weights[i] = (sbyte)random.Next(low, -low);
        using GuardedBuffer input = new(x.Length * sizeof(float), true), output = new(shape.Rows * shape.Outputs * sizeof(float), true);
        using GuardedBuffer packed = new((NibbleLinearKernel.PackedBytes(shape) + 63) / 64 * 64, true), scratch = new((NibbleLinearKernel.ScratchBytes(shape, 1) + 63) / 64 * 64, true);
        x.CopyTo(input.Span<float>());
        scratch.Span<byte>().Fill(0x5A);
        output.Span<float>().Fill(2);
        NibbleLinearKernel.Pack(shape, weights, scales, bias, packed.Span<byte>()[..(int)NibbleLinearKernel.PackedBytes(shape)]);
        NibbleLinearCall call = new()
        {
            Shape = shape,
            Packed = packed.Pointer,
            Input = (float*)input.Pointer,
            Output = (float*)output.Pointer,
            Scratch = scratch.Pointer,
            Min = -5,
            Max = float.PositiveInfinity,
            IsAccumulating = shape.Inputs % 2 == 0,
        };
        kernel.Run(call, 0, NibbleLinearKernel.Portions(shape), 0);
        for (int i = 0; i < shape.Rows * shape.Outputs; i++)
        {
            int row = i / shape.Outputs, o = i % shape.Outputs;
            double sum = bias[o] + (call.IsAccumulating ? 2 : 0), magnitude = 1;
            for (int k = 0; k < shape.Inputs; k++)
            {
                float scale = scales[o * shape.Groups + (shape.Group == 0 ? 0 : k / shape.Group)];
                sum += (double)x[row * shape.Inputs + k] * scale * weights[o * shape.Inputs + k];
                magnitude += Math.Abs(x[row * shape.Inputs + k]) * scale * (shape.Bits == 8 ? 16 : 1);
            }
            double error = Math.Abs(Math.Max(sum, -5) - output.Span<float>()[i]);
            Assert.True(error <= magnitude * shape.Inputs / (1 << 20) + 1e-5, $"{kernel.Descriptor.Id}, {shape}, output {i}: off by {error}");
        }
    }

    private static float[] Floats(int count, Random random) => [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() * 2 - 1)];
}
