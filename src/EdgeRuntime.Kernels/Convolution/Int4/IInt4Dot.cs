namespace EdgeRuntime.Kernels;

/// <summary>
/// One way to multiply nibbles on vectors of int32 lanes, a channel a lane. Nibbles are stored as w + 8, so that unpacking is a
/// mask; each sum starts at −8 · Σ x (<see cref="Start"/>), which takes the 8 back. <see cref="Int4Tile{TDot, TVector}"/> is
/// written once over it.
/// </summary>
public unsafe interface IInt4Dot<TVector> : IInt4Operands where TVector : unmanaged
{
    /// <summary>The unaligned vector at <paramref name="source"/>.</summary>
    static abstract TVector Load(void* source);

    /// <summary>4 bytes in every lane.</summary>
    static abstract TVector Broadcast(void* source);

    /// <summary>The low nibble of each byte.</summary>
    static abstract TVector Low(TVector bytes);

    /// <summary>The high nibble of each byte.</summary>
    static abstract TVector High(TVector bytes);

    /// <summary>sum + Σ nibble · x over the 4 bytes of each lane; <paramref name="sum"/> may be of another form than totals.</summary>
    static abstract TVector MultiplyAdd(TVector sum, TVector nibbles, TVector x);

    /// <summary>total + sum · multiplier, where total is plain int32.</summary>
    static abstract TVector Finish(TVector total, TVector sum, TVector multiplier);

    /// <summary>Multipliers of as many lanes, from bytes, in the form that <see cref="Finish"/> takes.</summary>
    static abstract TVector Multipliers(byte* source);

    /// <summary>One multiplier for all lanes.</summary>
    static abstract TVector Multiplier(int value);

    /// <summary>The broadcast word that a sum over the 32 elements at <paramref name="x"/> starts from.</summary>
    static abstract int Start(sbyte* x);

    /// <summary>Stores totals.</summary>
    static abstract void Store(int* destination, TVector totals);
}
