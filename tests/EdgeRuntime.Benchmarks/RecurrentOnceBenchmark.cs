using System.Globalization;
using EdgeRuntime.Kernels;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Benchmarks;

/// <summary>
/// <c>recurrent-once s8|f32 lstm|gru SIZE STEPS [FEATURES]</c>: one layer once, by the kernels that the catalog chooses for these
/// instruction sets. For counting instructions in an emulator.
/// </summary>
internal static unsafe class RecurrentOnceBenchmark
{
    public static void Run(string[] args)
    {
        int size = int.Parse(args[2], CultureInfo.InvariantCulture), steps = int.Parse(args[3], CultureInfo.InvariantCulture);
        RecurrentCellShape shape = new(args[1] == "lstm" ? RecurrentCell.Lstm : RecurrentCell.GruResetAfter, steps, 1, size, size, 0);
        CpuFeatures cpu = args.Length > 4 ? CpuFeatures.Parse(args[4]) : CpuFeatures.Detect();
        Console.WriteLine($"{shape} {(args[0] == "s8" ? Int8(shape, cpu) : Float32(shape, cpu))}");
    }

    private static string Int8(in RecurrentCellShape s, CpuFeatures cpu)
    {
        int rows = s.Gates * s.Hidden;
        int[] zeros = new int[rows], multipliers = [.. Enumerable.Repeat(1 << 24, rows)];
        sbyte[] weights = [.. Enumerable.Range(0, rows * s.Hidden).Select(i => (sbyte)(i * 37 % 255 - 127))];
        RecurrentInt8Weights both = new(weights, weights);
        RecurrentInt8Kernel kernel = KernelCatalog.SelectRecurrent(s, both, cpu).Kernel;
        using NativeBuffer packed = new(kernel.PackedBytes(s, both)), scratch = new(kernel.ScratchBytes(s, 1)), input = new((long)s.Steps * s.Inputs),
            output = new((long)s.Steps * s.Hidden), hidden = new(s.Hidden), state = new(kernel.StateRow(s) * sizeof(short));
        RecurrentInt8Parameters parameters = new()
        {
            InputZeroPoint = -3,
            HiddenZeroPoint = 4,
            Bias = zeros,
            RecurrentBias = zeros,
            InputMultipliers = multipliers,
            InputShifts = zeros,
            RecurrentMultipliers = multipliers,
            RecurrentShifts = zeros,
            HiddenMultiplier = 1 << 23,
        };
        kernel.Pack(s, parameters, both, packed.Span<byte>(0, (int)packed.Length));
        RecurrentInt8Call call = parameters.Call(s);
        call.Packed = packed.Pointer;
        call.Input = (sbyte*)input.Pointer;
        call.Hidden = (sbyte*)hidden.Pointer;
        call.State = (short*)state.Pointer;
        call.Output = (sbyte*)output.Pointer;
        call.Scratch = scratch.Pointer;
        for (int stage = 0; stage <= s.Stages; stage++) kernel.Run(call, stage, 0, kernel.Portions(s, stage), 0);
        return kernel.Descriptor.Id;
    }

    private static string Float32(in RecurrentCellShape s, CpuFeatures cpu)
    {
        int rows = s.Gates * s.Hidden;
        RecurrentFloat32Kernel kernel = KernelCatalog.SelectRecurrent(s, cpu).Kernel;
        ConvolutionShape product = ConvolutionShape.FullyConnected(s.Steps, s.Inputs, rows);
        ConvolutionFloat32Kernel first = KernelCatalog.Select(product, cpu).Kernel;
        using NativeBuffer packed = new(kernel.PackedBytes(s)), scratch = new(kernel.ScratchBytes(s) + first.ScratchBytes(product, 1)), gates = new(4L * s.Steps * rows),
            output = new(4L * s.Steps * s.Hidden), states = new(8L * s.Hidden), input = new(4L * s.Steps * s.Inputs), weights = new(first.PackedBytes(product));
        kernel.Pack(s, new float[rows * s.Hidden], [], [], packed.Span<byte>(0, (int)packed.Length));
        first.Pack(product, new float[rows * s.Inputs], [], weights.Span<byte>(0, (int)weights.Length));
        ConvolutionFloat32Call inputs = new()
        {
            Shape = product,
            Min = float.NegativeInfinity,
            Max = float.PositiveInfinity,
            Packed = weights.Pointer,
            Input = (float*)input.Pointer,
            Output = (float*)gates.Pointer,
            Scratch = scratch.Pointer,
        };
        RecurrentFloat32Call call = new()
        {
            Shape = s,
            InputGates = (float*)gates.Pointer,
            Packed = packed.Pointer,
            Hidden = (float*)states.Pointer,
            Cell = (float*)states.Pointer + s.Hidden,
            Output = (float*)output.Pointer,
            Clip = float.PositiveInfinity,
            CellClip = float.PositiveInfinity,
            Scratch = scratch.Pointer,
        };
        for (int stage = 0; stage < first.Stages(product); stage++) first.Run(inputs, stage, 0, first.Portions(product, stage), 0);
        for (int stage = 0; stage < s.Stages; stage++) kernel.Run(call, stage, 0, kernel.Portions(s, stage));
        return $"{first.Descriptor.Id} {kernel.Descriptor.Id}";
    }
}
