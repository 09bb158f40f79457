namespace EdgeRuntime.Model;

/// <summary>A version of the packed format; a larger major or, among equals, minor number is the newer one.</summary>
public readonly record struct FormatVersion(ushort Major, ushort Minor) : IComparable<FormatVersion>
{
    /// <inheritdoc/>
    public int CompareTo(FormatVersion other) => (Major << 16 | Minor).CompareTo(other.Major << 16 | other.Minor);

    /// <summary>For example <c>1.0</c>.</summary>
    public override string ToString() => $"{Major}.{Minor}";
}
