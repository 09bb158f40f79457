using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>The sums over windows and rows of <see cref="HostEvaluator"/>.</summary>
internal static class HostWindows
{
    public static double[] Convolution(Node node, double[][] inputs)
    {
        TensorShape x = node.Input(0).Shape, w = node.Input(1).Shape, y = node.Output.Shape;
        int[] strides = node.Attributes.Ints("strides").ToArray(), dilations = node.Attributes.Ints("dilations").ToArray();
        int[] pads = node.Attributes.Ints("pads").ToArray();
        int perGroup = y[3] / node.Attributes.Int("group");
        double[] result = new double[y.ElementCount], bias = inputs.Length > 2 ? inputs[2] : [];
        for (int i = 0; i < result.Length; i++)
        {
            int o = i % y[3], column = i / y[3] % y[2], row = i / y[3] / y[2] % y[1], image = i / y[3] / y[2] / y[1];
            double sum = bias.Length == 0 ? 0 : bias[o];
            for (int kh = 0; kh < w[1]; kh++)
                for (int kw = 0; kw < w[2]; kw++)
                {
                    int h = row * strides[0] - pads[0] + kh * dilations[0], v = column * strides[1] - pads[1] + kw * dilations[1];
                    if (h < 0 || h >= x[1] || v < 0 || v >= x[2]) continue;
                    int from = ((image * x[1] + h) * x[2] + v) * x[3] + o / perGroup * w[3], weight = ((o * w[1] + kh) * w[2] + kw) * w[3];
                    for (int c = 0; c < w[3]; c++) sum += inputs[0][from + c] * inputs[1][weight + c];
                }
            result[i] = sum;
        }
        return result;
    }

    public static double[] FullyConnected(Node node, double[][] inputs)
    {
        int outputs = node.Input(1).Shape[0], length = node.Input(1).Shape[1];
        double[] result = new double[node.Output.Shape.ElementCount], bias = inputs.Length > 2 ? inputs[2] : [];
        for (int i = 0; i < result.Length; i++)
        {
            int o = i % outputs, row = i / outputs * length;
            double sum = bias.Length == 0 ? 0 : bias[o];
            for (int k = 0; k < length; k++) sum += inputs[0][row + k] * inputs[1][o * length + k];
            result[i] = sum;
        }
        return result;
    }

    public static double[] Pool(Node node, double[] input)
    {
        TensorShape x = node.Input(0).Shape, y = node.Output.Shape;
        int[] kernel = node.Attributes.Ints("kernel").ToArray(), strides = node.Attributes.Ints("strides").ToArray();
        int[] pads = node.Attributes.Ints("pads").ToArray();
        bool max = node.Type == OperatorType.MaxPool, all = node.Attributes.Int("count_include_pad") != 0;
        double[] result = new double[y.ElementCount];
        for (int i = 0; i < result.Length; i++)
        {
            int c = i % y[3], column = i / y[3] % y[2], row = i / y[3] / y[2] % y[1], image = i / y[3] / y[2] / y[1];
            double sum = 0, most = double.NegativeInfinity;
            int count = 0;
            for (int kh = 0; kh < kernel[0]; kh++)
                for (int kw = 0; kw < kernel[1]; kw++)
                {
                    int h = row * strides[0] - pads[0] + kh, v = column * strides[1] - pads[1] + kw;
                    if (h < 0 || h >= x[1] || v < 0 || v >= x[2]) continue;
                    double value = input[((image * x[1] + h) * x[2] + v) * x[3] + c];
                    sum += value;
                    most = Math.Max(most, value);
                    count++;
                }
            result[i] = max ? most : sum / (all ? kernel[0] * kernel[1] : count);
        }
        return result;
    }
}
