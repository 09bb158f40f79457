using System.Reflection;
using EdgeRuntime.Daemon;
using EdgeRuntime.Inference;
using EdgeRuntime.Sensors;

string version = typeof(CommandLine).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";
PackedModelSource source = new() { ReadSound = SoundFeatures.Load };
CommandLine commands = new("edged", version, [new RunVerb(source), new BenchVerb(source), new InspectVerb(source), new DoctorVerb(source, version), new ProfileVerb()]);
return commands.Run(args, Console.Out, Console.Error, !Console.IsErrorRedirected);
