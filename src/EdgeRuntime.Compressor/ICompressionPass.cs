using EdgeRuntime.Model;

namespace EdgeRuntime.Compressor;

/// <summary>One step from graph to graph. A pass is one file and one line in the catalog.</summary>
public interface ICompressionPass
{
    /// <summary>The name by which recipes call it.</summary>
    string Name { get; }

    /// <summary>Whether, with its options, it needs representative inputs, if passes of its kind can.</summary>
    bool NeedsCalibration => true;

    /// <summary>Whether it trains, and so needs labelled samples.</summary>
    bool NeedsTraining => false;

    /// <summary>
    /// Changes <paramref name="graph"/> in place. Names, order, shapes and types of graph inputs and outputs stay, unless
    /// an option of the pass says otherwise.
    /// </summary>
    /// <exception cref="ModelException">The graph or the calibration data don't suit the pass.</exception>
    PassReport Apply(Graph graph, PassContext context);
}
