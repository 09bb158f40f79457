using System.Runtime.InteropServices;
using System.Text;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.TestSupport;

/// <summary>
/// ONNX Runtime through its C library, for comparison only: outputs to agree with, and times to stand beside ours in the
/// same process. Only functions of API versions 1 to 5 are used, by their fixed positions in the table that
/// onnxruntime_c_api.h declares. <c>tests/fetch-onnxruntime.sh</c> installs the library.
/// </summary>
public static unsafe class OnnxRuntimeLibrary
{
    private const int GetErrorMessage = 2, CreateEnv = 3, CreateSession = 7, RunSession = 9, CreateSessionOptions = 10, SetGraphOptimizationLevel = 23,
        SetIntraOpThreads = 24, SetInterOpThreads = 25, SessionGetInputCount = 30, SessionGetOutputCount = 31, SessionGetInputTypeInfo = 33,
        SessionGetOutputTypeInfo = 34, SessionGetInputName = 36, SessionGetOutputName = 37, CreateTensorWithData = 49, CastTypeInfoToTensorInfo = 55,
        GetElementType = 60, GetDimensionsCount = 61, GetDimensions = 62, CreateCpuMemoryInfo = 69, GetDefaultAllocator = 78,
        ReleaseSession = 95, ReleaseValue = 96, ReleaseSessionOptions = 100;

    private static readonly Lazy<nint> Table = new(Load);

    /// <summary>Where the library is looked for: <c>EDGE_ONNXRUNTIME</c>, else the cache that the script fills.</summary>
    public static string? Location
    {
        get
        {
            string cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } x ? x
                : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache");
            string path = Environment.GetEnvironmentVariable("EDGE_ONNXRUNTIME") is { Length: > 0 } named ? named
                : Path.Combine(cache, "edgeruntime", "onnxruntime", RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? "arm64" : "x64", "libonnxruntime.so.1");
            return File.Exists(path) ? path : null;
        }
    }

    /// <summary>Whether comparisons can run here.</summary>
    public static bool IsAvailable => Location is not null;

    /// <summary>What a skipped test says.</summary>
    public const string Missing = "needs ONNX Runtime's library: run tests/fetch-onnxruntime.sh";

    private static nint Load()
    {
        nint library = NativeLibrary.Load(Location ?? throw new FileNotFoundException(Missing));
        var getBase = (delegate* unmanaged<nint*>)NativeLibrary.GetExport(library, "OrtGetApiBase");
        return ((delegate* unmanaged<uint, nint>)getBase()[0])(8);
    }

    private static nint Function(int index) => ((nint*)Table.Value)[index];

    private static void Check(nint status)
    {
        if (status == 0) return;
        throw new InvalidOperationException("ONNX Runtime: " + Marshal.PtrToStringUTF8(((delegate* unmanaged<nint, nint>)Function(GetErrorMessage))(status)));
    }

    /// <summary>An input or output, with memory of its own that ONNX Runtime reads or fills.</summary>
    public sealed class Binding
    {
        internal Binding(string name, ElementType type, TensorShape shape, NativeBuffer buffer, nint value) =>
            (Name, Type, Shape, Buffer, Value) = (name, type, shape, buffer, value);

        /// <summary>Its name in the file.</summary>
        public string Name { get; }

        /// <summary>Element type.</summary>
        public ElementType Type { get; }

        /// <summary>Shape; unknown dimensions are 1.</summary>
        public TensorShape Shape { get; }

        /// <summary>The contents.</summary>
        public Span<byte> Bytes => Buffer.Span<byte>(0, (int)Type.ByteCount(Shape.ElementCount));

        internal NativeBuffer Buffer { get; }

        internal nint Value { get; }
    }

    /// <summary>A network loaded by ONNX Runtime.</summary>
    public sealed class Session : IDisposable
    {
        private static readonly Lazy<nint> Environment = new(CreateEnvironment);
        private readonly nint _session;
        private readonly nint* _names, _values;

        /// <summary>Loads a model with full graph optimisation, or with none, on <paramref name="threads"/> threads.</summary>
        public Session(string path, int threads = 1, bool optimize = true)
        {
            nint options, session;
            Check(((delegate* unmanaged<nint*, nint>)Function(CreateSessionOptions))(&options));
            Check(((delegate* unmanaged<nint, int, nint>)Function(SetIntraOpThreads))(options, threads));
            Check(((delegate* unmanaged<nint, int, nint>)Function(SetInterOpThreads))(options, 1));
            Check(((delegate* unmanaged<nint, int, nint>)Function(SetGraphOptimizationLevel))(options, optimize ? 99 : 0));
            fixed (byte* file = Encoding.UTF8.GetBytes(path + '\0'))
                Check(((delegate* unmanaged<nint, byte*, nint, nint*, nint>)Function(CreateSession))(Environment.Value, file, options, &session));
            ((delegate* unmanaged<nint, void>)Function(ReleaseSessionOptions))(options);
            _session = session;
            Inputs = Describe(SessionGetInputCount, SessionGetInputTypeInfo, SessionGetInputName);
            Outputs = Describe(SessionGetOutputCount, SessionGetOutputTypeInfo, SessionGetOutputName);
            Binding[] all = [.. Inputs, .. Outputs];
            _names = (nint*)NativeMemory.Alloc((nuint)all.Length, (nuint)sizeof(nint));
            _values = (nint*)NativeMemory.Alloc((nuint)all.Length, (nuint)sizeof(nint));
            for (int i = 0; i < all.Length; i++) (_names[i], _values[i]) = (Marshal.StringToCoTaskMemUTF8(all[i].Name), all[i].Value);
        }

        /// <summary>Inputs, in the file's order.</summary>
        public IReadOnlyList<Binding> Inputs { get; }

        /// <summary>Outputs, in the file's order.</summary>
        public IReadOnlyList<Binding> Outputs { get; }

        /// <summary>Runs once, from the input buffers to the output buffers.</summary>
        public void Run() => Check(((delegate* unmanaged<nint, nint, nint*, nint*, nint, nint*, nint, nint*, nint>)Function(RunSession))(
            _session, 0, _names, _values, Inputs.Count, _names + Inputs.Count, Outputs.Count, _values + Inputs.Count));

        /// <summary>Frees the model.</summary>
        public void Dispose()
        {
            foreach (Binding b in Inputs.Concat(Outputs))
            {
                ((delegate* unmanaged<nint, void>)Function(ReleaseValue))(b.Value);
                b.Buffer.Dispose();
            }
            for (int i = 0; i < Inputs.Count + Outputs.Count; i++) Marshal.FreeCoTaskMem(_names[i]);
            NativeMemory.Free(_names);
            NativeMemory.Free(_values);
            ((delegate* unmanaged<nint, void>)Function(ReleaseSession))(_session);
        }

        private static nint CreateEnvironment()
        {
            nint environment;
            fixed (byte* name = "edge\0"u8) Check(((delegate* unmanaged<int, byte*, nint*, nint>)Function(CreateEnv))(3, name, &environment));
            return environment;
        }

        private Binding[] Describe(int count, int typeInfo, int name)
        {
            nint number, allocator, memory;
            Check(((delegate* unmanaged<nint, nint*, nint>)Function(count))(_session, &number));
            Check(((delegate* unmanaged<nint*, nint>)Function(GetDefaultAllocator))(&allocator));
            Check(((delegate* unmanaged<int, int, nint*, nint>)Function(CreateCpuMemoryInfo))(1, 0, &memory));
            var result = new Binding[number];
            for (nint i = 0; i < number; i++)
            {
                nint info, tensor, text, rank, value;
                int type;
                Check(((delegate* unmanaged<nint, nint, nint*, nint>)Function(typeInfo))(_session, i, &info));
                Check(((delegate* unmanaged<nint, nint, nint, nint*, nint>)Function(name))(_session, i, allocator, &text));
                Check(((delegate* unmanaged<nint, nint*, nint>)Function(CastTypeInfoToTensorInfo))(info, &tensor));
                Check(((delegate* unmanaged<nint, int*, nint>)Function(GetElementType))(tensor, &type));
                Check(((delegate* unmanaged<nint, nint*, nint>)Function(GetDimensionsCount))(tensor, &rank));
                long[] dimensions = new long[rank];
                fixed (long* d = dimensions)
                {
                    Check(((delegate* unmanaged<nint, long*, nint, nint>)Function(GetDimensions))(tensor, d, rank));
                    for (nint k = 0; k < rank; k++) d[k] = Math.Max(d[k], 1);
                    TensorShape shape = new([.. dimensions.Select(v => (int)v)]);
                    NativeBuffer buffer = new(TypeOf(type).ByteCount(shape.ElementCount));
                    Check(((delegate* unmanaged<nint, byte*, nint, long*, nint, int, nint*, nint>)Function(CreateTensorWithData))(
                        memory, buffer.Pointer, (nint)buffer.Length, d, rank, type, &value));
                    result[i] = new Binding(Marshal.PtrToStringUTF8(text)!, TypeOf(type), shape, buffer, value);
                }
            }
            return result;
        }

        private static ElementType TypeOf(int onnx) => onnx switch
        {
            1 => ElementType.Float32,
            2 => ElementType.UInt8,
            3 => ElementType.Int8,
            5 => ElementType.Int16,
            6 => ElementType.Int32,
            7 => ElementType.Int64,
            9 => ElementType.Bool,
            10 => ElementType.Float16,
            _ => throw new NotSupportedException($"ONNX element type {onnx}"),
        };
    }
}
