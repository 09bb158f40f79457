using EdgeRuntime.Cli;
using EdgeRuntime.Inference;
using EdgeRuntime.Sensors;

NetworkSource source = new() { ReadSound = SoundFeatures.Load };
CommandLine commands = new("edge", "from a trained network to a packed model that runs on a board",
    [new CompressVerb(source), new EvalVerb(source), new TrainVerb(), new SearchVerb(source), new RunVerb(source), new BenchVerb(source), new InspectVerb(source), new ProfileVerb(), new DemoVerb()]);
return commands.Run(args, Console.Out, Console.Error, !Console.IsErrorRedirected);
