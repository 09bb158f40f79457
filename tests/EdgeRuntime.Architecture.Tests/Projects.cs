using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Xml.Linq;
using EdgeRuntime.TestSupport;

namespace EdgeRuntime.Architecture.Tests;

/// <summary>The product's projects: what their files and their compiled assemblies refer to.</summary>
internal static class Projects
{
    /// <summary>What each project may refer to directly; what those refer to comes along.</summary>
    public static readonly IReadOnlyDictionary<string, string[]> Arrows = new Dictionary<string, string[]>
    {
        ["Tensors"] = [],
        ["Kernels"] = ["Tensors"],
        ["Model"] = ["Tensors"],
        ["Inference"] = ["Kernels", "Model"],
        ["Training"] = ["Kernels", "Model"],
        ["Sensors"] = ["Tensors"],
        ["Compressor"] = ["Training", "Inference", "Sensors"],
        ["Daemon"] = ["Inference", "Training", "Sensors"],
        ["Cli"] = ["Compressor", "Inference", "Sensors"],
    };

    public static string Source => Path.Combine(SharedFolder.Repository ?? throw new InvalidOperationException("run from the repository"), "src");

    public static IEnumerable<string> Names => Directory.GetDirectories(Source).Select(d => Path.GetFileName(d)["EdgeRuntime.".Length..]).Order(StringComparer.Ordinal);

    /// <summary>Everything that the arrows lead to from <paramref name="project"/>.</summary>
    public static HashSet<string> Reachable(string project)
    {
        HashSet<string> found = [];
        Stack<string> open = new(Arrows[project]);
        while (open.TryPop(out string? next))
            if (found.Add(next))
                foreach (string further in Arrows[next]) open.Push(further);
        return found;
    }

    public static IEnumerable<string> ProjectReferences(string project) => Items(project, "ProjectReference").Select(p => Path.GetFileNameWithoutExtension(p)["EdgeRuntime.".Length..]);

    public static IEnumerable<string> PackageReferences(string project) => Items(project, "PackageReference");

    /// <summary>The source files of a project, with their text.</summary>
    public static IEnumerable<(string Path, string Text)> SourceFiles(string project) =>
        Directory.EnumerateFiles(Path.Combine(Source, "EdgeRuntime." + project), "*.cs", SearchOption.AllDirectories)
            .Where(f => !f.Replace('\\', '/').Split('/').Any(part => part is "bin" or "obj")).Select(f => (f, File.ReadAllText(f)));

    /// <summary>Reads the compiled assembly that lies beside the tests.</summary>
    public static T Read<T>(string project, Func<MetadataReader, T> read)
    {
        string name = project switch { "Cli" => "edge", "Daemon" => "edged", _ => "EdgeRuntime." + project };
        using PEReader file = new(File.OpenRead(Path.Combine(AppContext.BaseDirectory, name + ".dll")));
        return read(file.GetMetadataReader());
    }

    public static List<string> AssemblyReferences(string project) =>
        Read(project, m => m.AssemblyReferences.Select(h => m.GetString(m.GetAssemblyReference(h).Name)).ToList());

    /// <summary>Full names of the types of other assemblies that the project uses.</summary>
    public static List<string> TypeReferences(string project) => Read(project, m => m.TypeReferences.Select(h =>
    {
        TypeReference type = m.GetTypeReference(h);
        return m.GetString(type.Namespace) + "." + m.GetString(type.Name);
    }).ToList());

    private static IEnumerable<string> Items(string project, string item) =>
        XDocument.Load(Path.Combine(Source, "EdgeRuntime." + project, $"EdgeRuntime.{project}.csproj")).Descendants(item).Select(e => e.Attribute("Include")!.Value.Replace('\\', '/'));
}
