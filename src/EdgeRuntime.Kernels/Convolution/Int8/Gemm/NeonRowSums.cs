using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace EdgeRuntime.Kernels;

/// <summary>Sums of the rows of a block, for weights with zero points.</summary>
internal static unsafe class NeonRowSums
{
    /// <summary>Sums every multiplied element of each row, surplus included, as the multiplication does. Segments are multiples of 4.</summary>
    public static void Compute(in Int8NeonBlock block, int* sums)
    {
        for (int i = 0; i < block.RowCount; i++)
        {
            Vector128<int> total = Vector128<int>.Zero;
            int tail = 0;
            for (int outer = 0; outer < block.OuterCount; outer++)
                for (int inner = 0; inner < block.InnerCount; inner++)
                {
                    sbyte* x = block.Rows[i] + outer * block.OuterStride + inner * block.InnerStride, end = x + block.Segment;
                    for (; x + 16 <= end; x += 16) total = AdvSimd.AddPairwiseWideningAndAdd(total, AdvSimd.AddPairwiseWidening(AdvSimd.LoadVector128(x)));
                    for (; x < end; x++) tail += *x;
                }
            sums[i] = AdvSimd.Arm64.AddAcross(total).ToScalar() + tail;
        }
    }
}
