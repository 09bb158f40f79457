using System.Runtime.InteropServices;
using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Second moments of what the weights of one output channel meet (windows of a convolution, rows of a fully connected layer), over
/// the calibration data: errors e of these weights make the squared error eᵀ·M·e in the channel's output. Where biases make up for
/// mean errors, the moments are those about the mean.
/// </summary>
/// <param name="Moments">One matrix for each group of channels.</param>
/// <param name="Means">The mean of what each weight meets, for each group of channels; zeros if mean errors stay.</param>
internal sealed record WindowMoments(Matrix[] Moments, double[][] Means)
{
    /// <summary>Layers whose channels have more weights are rounded to nearest: M would take over 40 MB.</summary>
    private const int MostColumns = 2304;

    /// <summary>Windows looked at, of all samples together and of one at least.</summary>
    private const int Windows = 8192, LeastOfSample = 16;

    /// <summary>Added to the diagonal, relative to its mean: directions not seen in the data still count a little.</summary>
    private const double Floor = 0.01;

    /// <summary>The moments for each of <paramref name="layers"/> that is not too large.</summary>
    public static Dictionary<Node, WindowMoments> Observe(Graph graph, PassContext context, IEnumerable<Node> layers, bool aboutMean)
    {
        CalibrationData data = context.RequireCalibration();
        WindowSums[] all = [.. layers.Where(n => n.Input(1).Shape.CountOf(1, n.Input(1).Shape.Rank) <= MostColumns).Select(n => new WindowSums(n))];
        int windows = Math.Max(LeastOfSample, Windows / data.Count);
        using InferenceSession session = new(graph, context.Options(keepIntermediates: true));
        data.ForEach(session, _ => Parallel.ForEach(all, new ParallelOptions { MaxDegreeOfParallelism = context.Threads },
            sums => sums.Add(MemoryMarshal.Cast<byte, float>(session.ValueBytes(sums.Node.Input(0))), windows)));
        return all.ToDictionary(s => s.Node, s => s.Moments(aboutMean, Floor));
    }

    /// <summary>Sums over the windows of one layer.</summary>
    private sealed class WindowSums
    {
        private readonly Matrix[] _products;
        private readonly double[][] _sums;
        private readonly int _depth, _height, _width;
        private readonly int[] _strides = [1, 1], _dilations = [1, 1], _pads = [0, 0, 0, 0];
        private long _count;

        public WindowSums(Node node)
        {
            Node = node;
            TensorShape w = node.Input(1).Shape;
            int groups = 1;
            (_height, _width, _depth) = (1, 1, w[-1]);
            if (node.Type == OperatorType.Convolution)
            {
                (_height, _width, groups) = (w[1], w[2], node.Attributes.Int("group"));
                _strides = node.Attributes.Ints("strides").ToArray();
                _dilations = node.Attributes.Ints("dilations").ToArray();
                _pads = node.Attributes.Ints("pads").ToArray();
            }
            int columns = _height * _width * _depth;
            _products = [.. Enumerable.Range(0, groups).Select(_ => new Matrix(columns, columns))];
            _sums = [.. Enumerable.Range(0, groups).Select(_ => new double[columns])];
        }

        public Node Node { get; }

        public void Add(ReadOnlySpan<float> x, int most)
        {
            TensorShape y = Node.Output.Shape;
            int positions = (int)y.CountOf(0, y.Rank - 1), step = Math.Max(1, positions / most), count = (positions + step - 1) / step;
            for (int g = 0; g < _products.Length; g++)
            {
                Matrix rows = new(count, _products[g].Rows);
                for (int i = 0; i < count; i++)
                {
                    Gather(x, i * step, g, rows.Row(i));
                    for (int k = 0; k < rows.Columns; k++) _sums[g][k] += rows[i, k];
                }
                _products[g].AddGram(rows);
            }
            _count += count;
        }

        public WindowMoments Moments(bool aboutMean, double floor)
        {
            double[][] means = [.. _sums.Select(sums => Array.ConvertAll(sums, s => aboutMean ? s / _count : 0))];
            for (int g = 0; g < _products.Length; g++)
            {
                Matrix m = _products[g];
                double[] mean = means[g];
                for (int i = 0; i < m.Rows; i++)
                    for (int j = 0; j <= i; j++) m[i, j] = m[j, i] = m[i, j] / _count - mean[i] * mean[j];
                double added = Math.Max(Enumerable.Range(0, m.Rows).Average(i => m[i, i]) * floor, 1e-20);
                for (int i = 0; i < m.Rows; i++) m[i, i] += added;
            }
            return new WindowMoments(_products, means);
        }

        // What stands under the window that makes output position `position`; zeros outside the image.
        private void Gather(ReadOnlySpan<float> x, int position, int group, Span<double> window)
        {
            TensorShape input = Node.Input(0).Shape, y = Node.Output.Shape;
            bool convolution = Node.Type == OperatorType.Convolution;
            (int height, int width, int channels) = convolution ? (input[1], input[2], input[3]) : (1, 1, _depth);
            int column = convolution ? position % y[2] : 0, row = convolution ? position / y[2] % y[1] : 0, image = convolution ? position / y[2] / y[1] : position;
            for (int kh = 0; kh < _height; kh++)
                for (int kw = 0; kw < _width; kw++)
                {
                    int h = row * _strides[0] - _pads[0] + kh * _dilations[0], v = column * _strides[1] - _pads[1] + kw * _dilations[1];
                    if (h < 0 || h >= height || v < 0 || v >= width) continue;
                    ReadOnlySpan<float> from = x.Slice(((image * height + h) * width + v) * channels + group * _depth, _depth);
                    Span<double> to = window.Slice((kh * _width + kw) * _depth, _depth);
                    for (int c = 0; c < _depth; c++) to[c] = from[c];
                }
        }
    }
}
