using System.Runtime.CompilerServices;

namespace EdgeRuntime.Kernels;

/// <summary>Sparse float products.</summary>
/// <typeparam name="S">The instruction set.</typeparam>
/// <typeparam name="V">Its register.</typeparam>
/// <typeparam name="T">What else it gives.</typeparam>
internal readonly unsafe struct SparseFloat32<S, V, T> : ISparseProduct<V, V> where S : struct, IFloatVector<V> where V : unmanaged where T : struct, ISparseFloat32
{
    public static string Name => T.Name;

    public static CpuFeature Requires => T.Requires;

    public static int Lanes => S.Lanes;

    public static int Step => 1;

    public static int Vectors(int rows) => T.Vectors(rows);

    public static SparseCost Cost(int rows) => T.Cost(rows);

    public static bool WaitsForSums => true;

    public static void Transpose(int* x, int* y, nint stepX, nint stepY, nint nextX, nint nextY, int squares) =>
        T.Transpose((float*)x, (float*)y, stepX, stepY, nextX, nextY, squares);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Load(byte* source, int vector) => S.Load((float*)source + vector * S.Lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Broadcast(byte* source) => S.Broadcast((float*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Start(int* bias) => S.Broadcast((float*)bias);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V MultiplyAdd(V sum, V input, V weights) => S.Fma(weights, input, sum);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Add(V a, V b) => S.Add(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Limit(float value) => S.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(int* destination, V sum, V low, V high) => S.Store((float*)destination, S.Clamp(sum, low, high));
}
