using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace EdgeRuntime.Compressor;

/// <summary>A pass that recipes can name.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Summary">What it does, in a line.</param>
/// <param name="Options">Names of its options.</param>
/// <param name="NeedsCalibration">Whether it runs the network on representative inputs, at least by default.</param>
/// <param name="Create">Makes the pass from its options in JSON, which may be absent.</param>
public sealed record PassDescriptor(
    string Name, string Summary, IReadOnlyList<string> Options, bool NeedsCalibration, Func<JsonElement?, ICompressionPass> Create);

/// <summary>The list of all passes.</summary>
public static class PassCatalog
{
    /// <summary>All passes.</summary>
    public static IReadOnlyList<PassDescriptor> All { get; } =
    [
        Plain("optimize", "all the fusions below, until nothing changes", () => new Optimize()),
        Plain("fold-constants", "compute what depends on constants only", () => new FoldConstants()),
        Plain("dequantize-constants", "make stored integer and half-precision weights of float operators float", () => new DequantizeConstants()),
        Plain("simplify-layout", "cancel transposes and reshapes", () => new SimplifyLayout()),
        Plain("fold-batch-normalization", "make batch normalisation a multiplication and an addition", () => new FoldBatchNormalization()),
        Plain("fold-scales", "move per-channel constants into neighbouring weights", () => new FoldScales()),
        Plain("scales-to-depthwise", "make per-channel multiplications depthwise convolutions", () => new ScalesToDepthwise()),
        Plain("fold-pads", "make zero padding part of the operator that follows", () => new FoldPads()),
        Plain("fuse-clips", "make ReLU and the like part of the operator before", () => new FuseClips()),
        Plain("fold-quantization", "make operators between Dequantize and Quantize integer operators", () => new FoldQuantization()),
        Plain("fold-binary", "make layers of signs with signs binary layers, and what follows them thresholds", () => new FoldBinary()),
        Plain("make-signed", "bring UInt8 activations and weights to Int8", () => new MakeSigned()),
        new("factorize", "split layers into chains of cheaper ones by low-rank decompositions", Names(RecipeJson.Default.FactorizeOptions), false,
            json => new Factorize(Read(json, RecipeJson.Default.FactorizeOptions))),
        new("separate", "rewrite convolutions as depthwise and pointwise ones", Names(RecipeJson.Default.SeparateOptions), false,
            json => new Separate(Read(json, RecipeJson.Default.SeparateOptions))),
        new("distil-blocks", "train every replaced layer to do what the source's does", Names(RecipeJson.Default.DistilBlocksOptions), true,
            json => new DistilBlocks(Read(json, RecipeJson.Default.DistilBlocksOptions))),
        new("fine-tune", "train the float network on, as it stands; pruned weights stay 0", Names(RecipeJson.Default.FineTuneOptions), false,
            json => new FineTune(Read(json, RecipeJson.Default.FineTuneOptions))),
        new("binarize", "binary weights, and binary activations if wanted, after training, from calibration data", Names(RecipeJson.Default.BinarizeOptions), true,
            json => new BinarizeLayers(Read(json, RecipeJson.Default.BinarizeOptions))),
        new("binarize-aware", "train layers with binary weights and activations", Names(RecipeJson.Default.BinarizeAwareOptions), false,
            json => new BinarizeAware(Read(json, RecipeJson.Default.BinarizeAwareOptions))),
        new("quantize-int8", "int8 weights and activations, after training, from calibration data", Names(RecipeJson.Default.QuantizeOptions), true,
            json => new QuantizeInt8(Read(json, RecipeJson.Default.QuantizeOptions))),
        new("quantize-int4", "int4 weights, per channel or in groups; activations int8 from calibration data or while running, or float", Names(RecipeJson.Default.QuantizeInt4Options), true,
            json => new QuantizeInt4(Read(json, RecipeJson.Default.QuantizeInt4Options))),
        new("quantize-aware", "train weights of 8, 4, 2 or 1 bits and int8 activations through the runtime's integer arithmetic", Names(RecipeJson.Default.QuantizeAwareOptions), true,
            json => new QuantizeAware(Read(json, RecipeJson.Default.QuantizeAwareOptions))),
        new("quantize-mixed", "int8 or int4 weights, layer by layer, so that a size budget is kept and the outputs move least", Names(RecipeJson.Default.QuantizeMixedOptions), true,
            json => new QuantizeMixed(Read(json, RecipeJson.Default.QuantizeMixedOptions))),
        new("equalize", "make the ranges of weights of consecutive layers alike, channel by channel", Names(RecipeJson.Default.EqualizeOptions), false,
            json => new Equalize(Read(json, RecipeJson.Default.EqualizeOptions))),
        Plain("store-fp16", "keep float weights in half precision", () => new StoreFloat16()),
        new("prune", "make the smallest weights 0: anywhere, n of m, or blocks", Names(RecipeJson.Default.PruneOptions), false,
            json => new Prune(Read(json, RecipeJson.Default.PruneOptions))),
        new("prune-channels", "remove the channels that matter least, with all that depends on them", Names(RecipeJson.Default.PruneChannelsOptions), false,
            json => new PruneChannels(Read(json, RecipeJson.Default.PruneChannelsOptions))),
        new("sparsify", "store weights with many zeros without them", Names(RecipeJson.Default.SparsifyOptions), false,
            json => new Sparsify(Read(json, RecipeJson.Default.SparsifyOptions))),
    ];

    /// <summary>The pass named <paramref name="name"/>, or null.</summary>
    public static PassDescriptor? Find(string name) => All.FirstOrDefault(p => p.Name == name);

    private static PassDescriptor Plain(string name, string summary, Func<ICompressionPass> create) => new(name, summary, [], false, json =>
    {
        if (json is { } options) Read(options, RecipeJson.Default.NoOptions);
        return create();
    });

    private static string[] Names(JsonTypeInfo options) => [.. options.Properties.Select(p => p.Name)];

    private static TOptions Read<TOptions>(JsonElement? json, JsonTypeInfo<TOptions> type) where TOptions : new() =>
        json is { } element ? element.Deserialize(type) ?? new TOptions() : new TOptions();
}
