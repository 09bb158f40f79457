using System.Text.Json.Serialization;
using EdgeRuntime.Model;

namespace EdgeRuntime.Inference;

/// <summary>What <c>bench</c> reports.</summary>
/// <param name="Machine">Where it was measured, read after the runs.</param>
/// <param name="Results">One a model, in the order given.</param>
public sealed record BenchReport(SystemInfo Machine, IReadOnlyList<BenchResult> Results);

/// <summary>One model's figures.</summary>
/// <param name="Model">The file.</param>
/// <param name="Threads">Threads of one inference.</param>
/// <param name="Cpu">Instruction sets in use.</param>
/// <param name="Runs">Runs counted.</param>
/// <param name="MinUs">Shortest run, microseconds.</param>
/// <param name="MeanUs">Mean.</param>
/// <param name="MedianUs">Median.</param>
/// <param name="P90Us">90th percentile.</param>
/// <param name="P99Us">99th percentile.</param>
/// <param name="MaxUs">Longest run.</param>
/// <param name="InitMs">From opening the file to a session ready to run, milliseconds.</param>
/// <param name="FirstUs">The first inference of the session, microseconds.</param>
/// <param name="ArenaBytes">Memory of all activations.</param>
/// <param name="ScratchBytes">Working memory of kernels.</param>
/// <param name="WeightBytes">Packed weights.</param>
/// <param name="PeakMemoryBytes">Highest resident memory of the process while this model was measured; 0 where not shown.</param>
/// <param name="Macs">Multiply-accumulates of one run.</param>
/// <param name="PredictedUs">What the profile's latency model says, microseconds; null where no profile was named, or for several threads.</param>
/// <param name="Operators">Time by step, where asked for.</param>
public sealed record BenchResult(
    string Model, int Threads, string Cpu, int Runs, double MinUs, double MeanUs, double MedianUs, double P90Us, double P99Us, double MaxUs,
    double InitMs, double FirstUs, long ArenaBytes, long ScratchBytes, long WeightBytes, long PeakMemoryBytes, long Macs, double? PredictedUs,
    IReadOnlyList<OperatorTime>? Operators);

/// <summary>What <c>run</c> reports.</summary>
/// <param name="Model">The file.</param>
/// <param name="Samples">Samples run.</param>
/// <param name="MedianUs">Median time of one sample, microseconds.</param>
/// <param name="Outputs">The outputs, in order.</param>
public sealed record RunReport(string Model, int Samples, double MedianUs, IReadOnlyList<RunOutput> Outputs);

/// <summary>One output.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Element type.</param>
/// <param name="Shape">Shape for all samples together.</param>
/// <param name="File">Where it was written; null where it was not.</param>
/// <param name="Top">The largest elements of the first sample, the largest first.</param>
public sealed record RunOutput(string Name, string Type, IReadOnlyList<int> Shape, string? File, IReadOnlyList<RunElement> Top);

/// <summary>One element of an output, as a real number.</summary>
/// <param name="Index">Where it stands.</param>
/// <param name="Label">The class's name, where the model carries labels.</param>
/// <param name="Value">Its value, dequantised.</param>
public sealed record RunElement(int Index, string? Label, float Value);

/// <summary>What <c>inspect</c> reports.</summary>
/// <param name="Model">The file.</param>
/// <param name="ArenaBytes">Memory of all activations; null where the network can't be run.</param>
/// <param name="WeightBytes">Packed weights; null where the network can't be run.</param>
/// <param name="StateBytes">States that recurrent layers keep from run to run; null where the network can't be run.</param>
/// <param name="Problem">Why it can't be run; null where it can.</param>
/// <param name="Summary">Header, sections, inputs, outputs and layers.</param>
public sealed record InspectReport(string Model, long? ArenaBytes, long? WeightBytes, long? StateBytes, string? Problem, ModelSummary Summary);

/// <summary>What <c>doctor</c> reports.</summary>
/// <param name="Version">The program's version.</param>
/// <param name="Cpu">Instruction sets found.</param>
/// <param name="Machine">What the system shows.</param>
/// <param name="Profile">The profile that describes this machine; null where none does.</param>
/// <param name="Kernels">All kernels, and whether they may run here.</param>
/// <param name="Choices">The kernel chosen for each layer, and why.</param>
/// <param name="SelfTest">Whether the chosen kernels and portable code agree.</param>
/// <param name="Warnings">What keeps the machine from its best.</param>
public sealed record DoctorReport(
    string Version, string Cpu, SystemInfo Machine, string? Profile, IReadOnlyList<DoctorKernel> Kernels, IReadOnlyList<DoctorChoice> Choices,
    string SelfTest, IReadOnlyList<string> Warnings);

/// <summary>One kernel.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Family">Its family.</param>
/// <param name="Requires">Instruction sets it executes.</param>
/// <param name="Usable">Whether they are all there.</param>
public sealed record DoctorKernel(string Id, string Family, string Requires, bool Usable);

/// <summary>The kernel chosen for one layer.</summary>
/// <param name="Layer">The layer.</param>
/// <param name="Operator">Its operator.</param>
/// <param name="Kernel">The kernel's id.</param>
/// <param name="Reason">Why that one.</param>
public sealed record DoctorChoice(string Layer, string Operator, string Kernel, string Reason);

/// <summary>JSON of the shared verbs' reports, without reflection.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, GenerationMode = JsonSourceGenerationMode.Serialization)]
[JsonSerializable(typeof(BenchReport))]
[JsonSerializable(typeof(RunReport))]
[JsonSerializable(typeof(InspectReport))]
[JsonSerializable(typeof(DoctorReport))]
internal sealed partial class VerbJson : JsonSerializerContext;
