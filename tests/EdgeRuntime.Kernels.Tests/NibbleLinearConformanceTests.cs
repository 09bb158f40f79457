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
