using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Model;

/// <summary>The header of a .npy file, formats 1.0 to 3.0 (numpy.org, "numpy.lib.format").</summary>
/// <param name="Descr">NumPy's name of the element type, such as <c>&lt;f4</c>.</param>
/// <param name="IsFortranOrder">Whether the first dimension varies fastest.</param>
/// <param name="Shape">Dimensions, outermost first.</param>
internal sealed record NumpyHeader(string Descr, bool IsFortranOrder, TensorShape Shape)
{
    /// <summary>The bytes that every file starts with; two bytes of version follow.</summary>
    public static ReadOnlySpan<byte> Magic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    // NumPy itself stays below 64 KB but for structured types, which are not read.
    private const int MaxLength = 1 << 20;

    /// <summary>Size of one element in the file, in bytes.</summary>
    public int ElementSize => Descr[^1] - '0';

    /// <summary>The type that elements have once read; binary64 and large unsigned integers have none of their own.</summary>
    public ElementType Type => Descr switch
    {
        "<f4" or "<f8" => ElementType.Float32,
        "<f2" => ElementType.Float16,
        "|i1" => ElementType.Int8,
        "|u1" => ElementType.UInt8,
        "<i2" => ElementType.Int16,
        "<i4" or "<u2" => ElementType.Int32,
        "<i8" or "<u4" => ElementType.Int64,
        "|b1" => ElementType.Bool,
        _ => throw new NotSupportedException($"elements of type {Descr}; convert the array to float32, or to an integer type of at most 32 bits, little-endian"),
    };

    /// <summary>Reads the header and leaves <paramref name="stream"/> at the first element, <paramref name="bytes"/> later.</summary>
    /// <exception cref="FormatException">It is no such header.</exception>
    /// <exception cref="NotSupportedException">The version or the element type is not read.</exception>
    /// <exception cref="EndOfStreamException">The file is cut short.</exception>
    public static NumpyHeader Read(Stream stream, out int bytes)
    {
        Span<byte> start = stackalloc byte[8];
        stream.ReadExactly(start);
        if (!start[..6].SequenceEqual(Magic)) throw new FormatException("the file does not start as .npy files do");
        int major = start[6];
        if (major is < 1 or > 3) throw new NotSupportedException($".npy format {major}.{start[7]}");
        Span<byte> size = stackalloc byte[4];
        size.Clear();
        int sizeBytes = major == 1 ? 2 : 4;
        stream.ReadExactly(size[..sizeBytes]);
        uint length = BinaryPrimitives.ReadUInt32LittleEndian(size);
        if (length > MaxLength) throw new FormatException($"a header of {length} bytes");
        byte[] text = new byte[length];
        stream.ReadExactly(text);
        bytes = start.Length + sizeBytes + text.Length;
        NumpyHeader header = new Parser((major == 3 ? Encoding.UTF8 : Encoding.Latin1).GetString(text)).Header();
        _ = header.Type;
        return header;
    }

    /// <summary>The header's bytes in format 1.0, padded so that elements start at a multiple of 64.</summary>
    public byte[] ToBytes()
    {
        string dimensions = string.Join(", ", Shape.Dimensions.ToArray()) + (Shape.Rank == 1 ? "," : "");
        string text = $"{{'descr': '{Descr}', 'fortran_order': {(IsFortranOrder ? "True" : "False")}, 'shape': ({dimensions}), }}";
        int total = (Magic.Length + 4 + text.Length + 1 + 63) / 64 * 64;
        byte[] bytes = new byte[total];
        Magic.CopyTo(bytes);
        bytes[6] = 1;
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(8), (ushort)(total - 10));
        bytes.AsSpan(10).Fill((byte)' ');
        Encoding.ASCII.GetBytes(text, bytes.AsSpan(10));
        bytes[^1] = (byte)'\n';
        return bytes;
    }

    /// <summary>Parses the Python dictionary literal that a header is; only the three known keys.</summary>
    private ref struct Parser(ReadOnlySpan<char> text)
    {
        private ReadOnlySpan<char> _rest = text;

        public NumpyHeader Header()
        {
            string? descr = null;
            bool? fortran = null;
            TensorShape? shape = null;
            Expect('{');
            while (!Try('}'))
            {
                string key = Quoted();
                Expect(':');
                switch (key)
                {
                    case "descr": descr = Quoted(); break;
                    case "fortran_order": fortran = Word() switch { "True" => true, "False" => false, _ => throw Bad() }; break;
                    case "shape": shape = Tuple(); break;
                    default: throw new FormatException($"the header has an unknown key '{key}'");
                }
                if (Try(',')) continue;
                Expect('}');
                break;
            }
            _rest = _rest.TrimStart();
            if (_rest.Length > 0 || descr is null || fortran is null || shape is null) throw Bad();
            return new NumpyHeader(descr, fortran.Value, shape.Value);
        }

        private TensorShape Tuple()
        {
            List<int> dimensions = [];
            Expect('(');
            while (!Try(')'))
            {
                // Python 2 wrote long integers as 12L.
                string number = Word().TrimEnd('L');
                if (!int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out int d)) throw new FormatException($"a dimension '{number}'");
                if (dimensions.Count == TensorShape.MaxRank) throw new FormatException($"a rank above {TensorShape.MaxRank}");
                dimensions.Add(d);
                if (Try(',')) continue;
                Expect(')');
                break;
            }
            return new TensorShape([.. dimensions]);
        }

        private string Quoted()
        {
            char quote = Try('\'') ? '\'' : Try('"') ? '"' : throw Bad();
            int end = _rest.IndexOf(quote);
            if (end < 0) throw Bad();
            string value = _rest[..end].ToString();
            _rest = _rest[(end + 1)..];
            return value;
        }

        private string Word()
        {
            _rest = _rest.TrimStart();
            int end = 0;
            while (end < _rest.Length && char.IsAsciiLetterOrDigit(_rest[end])) end++;
            string word = _rest[..end].ToString();
            _rest = _rest[end..];
            return word;
        }

        private void Expect(char c)
        {
            if (!Try(c)) throw Bad();
        }

        private bool Try(char c)
        {
            _rest = _rest.TrimStart();
            if (_rest.Length == 0 || _rest[0] != c) return false;
            _rest = _rest[1..];
            return true;
        }

        private readonly FormatException Bad() =>
            new("the header is not a dictionary of descr (a plain element type), fortran_order and shape");
    }
}
