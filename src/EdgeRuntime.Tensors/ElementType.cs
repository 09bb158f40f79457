namespace EdgeRuntime.Tensors;

/// <summary>Type of one tensor element. The numeric values are part of the packed format: only ever add.</summary>
public enum ElementType : byte
{
    /// <summary>IEEE 754 binary32.</summary>
    Float32 = 1,

    /// <summary>IEEE 754 binary16, a storage format: arithmetic is done in <see cref="Float32"/>.</summary>
    Float16 = 2,

    /// <summary>Two's-complement, 8 bits.</summary>
    Int8 = 3,

    /// <summary>Unsigned, 8 bits.</summary>
    UInt8 = 4,

    /// <summary>Two's-complement, 16 bits.</summary>
    Int16 = 5,

    /// <summary>Two's-complement, 32 bits.</summary>
    Int32 = 6,

    /// <summary>Two's-complement, 64 bits.</summary>
    Int64 = 7,

    /// <summary>One byte, 0 or 1.</summary>
    Bool = 8,

    /// <summary>Two's-complement nibbles, two to a byte, the earlier element in the low half.</summary>
    Int4 = 9,

    /// <summary>±1 as one bit (set = +1), eight to a byte, the earlier element in the lower bit.</summary>
    Binary = 10,
}

/// <summary>Facts about element types.</summary>
public static class ElementTypes
{
    /// <summary>Bits of one element.</summary>
    public static int Bits(this ElementType type) => type switch
    {
        ElementType.Binary => 1,
        ElementType.Int4 => 4,
        ElementType.Int8 or ElementType.UInt8 or ElementType.Bool => 8,
        ElementType.Float16 or ElementType.Int16 => 16,
        ElementType.Float32 or ElementType.Int32 => 32,
        ElementType.Int64 => 64,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "no such element type"),
    };

    /// <summary>Bytes that <paramref name="elements"/> densely packed elements take, rounded up to a whole byte.</summary>
    public static long ByteCount(this ElementType type, long elements) => checked(elements * type.Bits() + 7) / 8;

    /// <summary>Whether the type is one of the integer types that carry quantised values.</summary>
    public static bool IsQuantizable(this ElementType type) => type is
        ElementType.Int8 or ElementType.UInt8 or ElementType.Int16 or ElementType.Int32 or ElementType.Int4 or ElementType.Binary;

    /// <summary>Smallest value of an integer type.</summary>
    public static int MinValue(this ElementType type) => type switch
    {
        ElementType.Int8 => sbyte.MinValue,
        ElementType.UInt8 or ElementType.Bool => 0,
        ElementType.Int4 => -8,
        ElementType.Binary => -1,
        ElementType.Int16 => short.MinValue,
        ElementType.Int32 => int.MinValue,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "not an integer type of at most 32 bits"),
    };

    /// <summary>Largest value of an integer type.</summary>
    public static int MaxValue(this ElementType type) => type switch
    {
        ElementType.Int8 => sbyte.MaxValue,
        ElementType.UInt8 => byte.MaxValue,
        ElementType.Int4 => 7,
        ElementType.Bool or ElementType.Binary => 1,
        ElementType.Int16 => short.MaxValue,
        ElementType.Int32 => int.MaxValue,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "not an integer type of at most 32 bits"),
    };
}
