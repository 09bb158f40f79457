using System.Runtime.InteropServices;
using EdgeRuntime.Inference;
using EdgeRuntime.Model;

namespace EdgeRuntime.Compressor;

/// <summary>Pointwise weights P with the least E|y − P·z|², for a layer's output y before bias and clamp, and what its depthwise windows make, z.</summary>
internal static class SeparableFit
{
    /// <summary>Positions of one sample that are looked at.</summary>
    private const int Positions = 64;

    /// <summary>Added to the eigenvalues of E[z·zᵀ], relative to their mean.</summary>
    private const double Ridge = 1e-5;

    /// <summary>The same depthwise windows with fitted pointwise weights; errors become those of the outputs.</summary>
    public static Dictionary<Node, Factors> Refine(Graph graph, Dictionary<Node, Factors> splits, PassContext context)
    {
        Graph probe = GraphCopy.Of(graph);
        Dictionary<Node, Sums> sums = [];
        foreach (var (node, factors) in splits) sums[node] = Probe(probe, probe.Nodes.Find(n => n.Name == node.Name)!, factors);
        using InferenceSession session = new(probe, new SessionOptions { Threads = context.Threads });
        context.RequireCalibration().ForEach(session, _ =>
        {
            foreach (Sums s in sums.Values) s.Add(MemoryMarshal.Cast<byte, float>(session.ValueBytes(s.Whole)), MemoryMarshal.Cast<byte, float>(session.ValueBytes(s.Inner)));
        });
        return splits.ToDictionary(s => s.Key, s => sums[s.Key].Fit(s.Value));
    }

    /// <summary>Adds both ways of computing the layer to the network, beside the layer itself.</summary>
    private static Sums Probe(Graph probe, Node node, Factors factors)
    {
        AttributeSet bare = node.Attributes.Clone();
        bare.Remove("min");
        bare.Remove("max");
        Node whole = Beside("whole"), split = Beside("split");
        Factorize.Replace(probe, split, factors, null);
        ValueInfo inner = split.Input(0);
        probe.Outputs.AddRange([whole.Output, inner]);
        GraphEditor.RemoveDeadNodes(probe);
        return new Sums(whole.Output, inner);

        Node Beside(string suffix)
        {
            Node twin = new(node.Type, $"{node.Name}.{suffix}", [node.Input(0), node.Input(1)], [new ValueInfo(GraphEditor.UniqueName(probe, $"{node.Name}.{suffix}"), node.Output.Type, node.Output.Shape)], bare.Clone());
            probe.Nodes.Insert(probe.Nodes.IndexOf(node), twin);
            return twin;
        }
    }

    private sealed class Sums(ValueInfo whole, ValueInfo inner)
    {
        private readonly Matrix _inner = new(inner.Shape[-1], inner.Shape[-1]), _cross = new(inner.Shape[-1], whole.Shape[-1]);
        private double _energy;

        public ValueInfo Whole => whole;

        public ValueInfo Inner => inner;

        public void Add(ReadOnlySpan<float> y, ReadOnlySpan<float> z)
        {
            int outputs = whole.Shape[-1], columns = inner.Shape[-1], count = y.Length / outputs, step = Math.Max(1, count / Positions);
            Matrix ys = new((count + step - 1) / step, outputs), zs = new(ys.Rows, columns);
            for (int r = 0; r < ys.Rows; r++)
            {
                for (int o = 0; o < outputs; o++) ys[r, o] = y[r * step * outputs + o];
                for (int k = 0; k < columns; k++) zs[r, k] = z[r * step * columns + k];
            }
            Accumulate(_inner, zs.TransposedTimes(zs));
            Accumulate(_cross, zs.TransposedTimes(ys));
            _energy += ys.Energy();
        }

        public Factors Fit(Factors factors)
        {
            (double[] values, Matrix vectors) = SymmetricEigen.Of(_inner);
            double ridge = Math.Max(Ridge * values.Average(), 1e-30);
            Matrix fitted = InputMoments.Scaled(vectors, values, v => 1 / (Math.Max(v, 0) + ridge)).Times(_cross);
            double explained = 0, square = 0;
            Matrix product = _inner.Times(fitted);
            for (int i = 0; i < fitted.Values.Length; i++)
            {
                explained += fitted.Values[i] * _cross.Values[i];
                square += fitted.Values[i] * product.Values[i];
            }
            double error = _energy == 0 ? 0 : Math.Sqrt(Math.Max(0, _energy - 2 * explained + square) / _energy);
            return factors with { Error = error, Chain = [factors.Chain[0], factors.Chain[1] with { Weights = fitted.Transpose() }] };
        }

        private static void Accumulate(Matrix sum, Matrix added)
        {
            for (int i = 0; i < sum.Values.Length; i++) sum.Values[i] += added.Values[i];
        }
    }
}
