using Xunit;

namespace EdgeRuntime.Kernels.Tests;

/// <summary>Every matrix product kernel against the reference, between guard pages.</summary>
public sealed unsafe class MatrixProductConformanceTests
{
    public static TheoryData<string> Ids => [.. ChosenKernels.Ids(MatrixProductKernels.All.Select(k => k.Descriptor))];

    [Theory, MemberData(nameof(Ids))]
    public void EqualsTheReference(string id)
    {
        MatrixProductKernel kernel = MatrixProductKernels.All.Single(k => k.Descriptor.Id == id), reference = MatrixProductKernels.All[0];
        Random random = new(5);
        foreach (var (m, n, k) in (ReadOnlySpan<(int, int, int)>)[(1, 1, 1), (6, 16, 256), (7, 17, 257), (5, 33, 3), (13, 8, 600), (12, 32, 0), (0, 4, 4), (3, 0, 2), (31, 100, 40)])
            for (int form = 0; form < 8; form++)
            {
                bool atEnd = form % 3 != 0;
                using GuardedBuffer a = new(m * k * 4, atEnd), b = new(k * n * 4, atEnd), c = new(m * n * 4, atEnd), expected = new(m * n * 4, atEnd), workspace = new(kernel.WorkspaceFloats * 4, atEnd);
                foreach (GuardedBuffer buffer in (GuardedBuffer[])[a, b, c])
                    foreach (ref float v in buffer.Span<float>()) v = random.NextSingle() * 2 - 1;
                c.Span<float>().CopyTo(expected.Span<float>());
                bool ta = (form & 1) != 0, tb = (form & 2) != 0, add = (form & 4) != 0;
                kernel.Run(MatrixProductCall.Of((float*)a.Pointer, ta, (float*)b.Pointer, tb, (float*)c.Pointer, m, n, k, add), (float*)workspace.Pointer);
                reference.Run(MatrixProductCall.Of((float*)a.Pointer, ta, (float*)b.Pointer, tb, (float*)expected.Pointer, m, n, k, add), (float*)workspace.Pointer);
                for (int i = 0; i < m * n; i++)
                {
                    float x = ((float*)expected.Pointer)[i], y = ((float*)c.Pointer)[i];
                    Assert.True(Math.Abs(x - y) <= 1e-6f * (k + 4), $"{id} {m}×{n}×{k} form {form}: element {i} is {y}, not {x}");
                }
            }
    }
}
