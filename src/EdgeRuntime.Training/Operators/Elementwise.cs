using EdgeRuntime.Tensors;

namespace EdgeRuntime.Training;

/// <summary>Operators on single elements, with NumPy's broadcasting where there are two operands.</summary>
public static class ElementwiseOperators
{
    /// <summary>a + b.</summary>
    public static Variable Add(this Tape tape, Variable a, Variable b) => a.Shape == b.Shape ? AddSame(tape, a, b) : Binary(tape, a, b, (x, y) => x + y, (_, _) => (1, 1));

    /// <summary>a − b.</summary>
    public static Variable Sub(this Tape tape, Variable a, Variable b) => Binary(tape, a, b, (x, y) => x - y, (_, _) => (1, -1));

    /// <summary>a · b.</summary>
    public static Variable Mul(this Tape tape, Variable a, Variable b) => Binary(tape, a, b, (x, y) => x * y, (x, y) => (y, x));

    /// <summary>a / b.</summary>
    public static Variable Div(this Tape tape, Variable a, Variable b) => Binary(tape, a, b, (x, y) => x / y, (x, y) => (1 / y, -x / (y * y)));

    /// <summary>max(a, b); a's where they are equal.</summary>
    public static Variable Maximum(this Tape tape, Variable a, Variable b) => Binary(tape, a, b, MathF.Max, (x, y) => x >= y ? (1, 0) : (0, 1));

    /// <summary>min(a, b); a's where they are equal.</summary>
    public static Variable Minimum(this Tape tape, Variable a, Variable b) => Binary(tape, a, b, MathF.Min, (x, y) => x <= y ? (1, 0) : (0, 1));

    /// <summary>factor · x.</summary>
    public static Variable Scale(this Tape tape, Variable x, float factor) => Unary(tape, x, new Factor(factor));

    /// <summary>max(x, 0).</summary>
    public static Variable Relu(this Tape tape, Variable x) => tape.Clip(x, 0, float.PositiveInfinity);

    /// <summary>x where positive, slope · x elsewhere.</summary>
    public static Variable LeakyRelu(this Tape tape, Variable x, float slope) => Unary(tape, x, new Leak(slope));

    /// <summary>1 / (1 + exp −x).</summary>
    public static Variable Sigmoid(this Tape tape, Variable x) => Unary(tape, x, default(SigmoidFunction));

    /// <summary>tanh x.</summary>
    public static Variable Tanh(this Tape tape, Variable x) => Unary(tape, x, default(TanhFunction));

    /// <summary>Square root.</summary>
    public static Variable Sqrt(this Tape tape, Variable x) => Unary(tape, x, default(SquareRoot));

    /// <summary>|x|.</summary>
    public static Variable Abs(this Tape tape, Variable x) => Unary(tape, x, default(AbsoluteValue));

    /// <summary>e^x.</summary>
    public static Variable Exp(this Tape tape, Variable x) => Unary(tape, x, default(Exponential));

    /// <summary>ln x.</summary>
    public static Variable Log(this Tape tape, Variable x) => Unary(tape, x, default(Logarithm));

    /// <summary>x · clamp(x / 6 + ½, 0, 1).</summary>
    public static Variable HardSwish(this Tape tape, Variable x) => Unary(tape, x, default(HardSwishFunction));

    /// <summary>Sets each element to 0 with a probability, and scales the others so that the mean stays; the identity outside training.</summary>
    public static Variable Dropout(this Tape tape, Variable x, float probability)
    {
        if (!tape.IsTraining || probability <= 0) return x;
        float[] mask = tape.Rent(x.Count);
        for (int i = 0; i < mask.Length; i++) mask[i] = tape.Random.NextSingle() < probability ? 0 : 1 / (1 - probability);
        Variable y = tape.New(x.Shape, x.RequiresGradient);
        for (int i = 0; i < mask.Length; i++) y.Data[i] = x.Data[i] * mask[i];
        return tape.Record(y, dy => VectorMath.AddProduct(dy, mask, tape.GradientOf(x)));
    }

    internal static float Sigmoid(float x) => 1 / (1 + MathF.Exp(-x));

    /// <summary>An operator of one operand.</summary>
    internal static Variable Unary<TFunction>(Tape tape, Variable x, TFunction f) where TFunction : struct, IDifferentiable
    {
        Variable y = tape.New(x.Shape, x.RequiresGradient);
        tape.ForElements(x.Count, (from, end) =>
        {
            for (int i = from; i < end; i++) y.Data[i] = f.Value(x.Data[i]);
        });
        return tape.Record(y, dy =>
        {
            float[] dx = tape.GradientOf(x);
            tape.ForElements(x.Count, (from, end) =>
            {
                for (int i = from; i < end; i++) dx[i] += dy[i] * f.Slope(x.Data[i], y.Data[i]);
            });
        });
    }

    /// <summary>The sum at the end of a residual branch.</summary>
    private static Variable AddSame(Tape tape, Variable a, Variable b)
    {
        Variable y = tape.New(a.Shape, a.RequiresGradient || b.RequiresGradient);
        a.Data.AsSpan().CopyTo(y.Data);
        VectorMath.Add(b.Data, y.Data);
        return tape.Record(y, dy =>
        {
            if (a.RequiresGradient) VectorMath.Add(dy, tape.GradientOf(a));
            if (b.RequiresGradient) VectorMath.Add(dy, tape.GradientOf(b));
        });
    }

    private static Variable Binary(Tape tape, Variable a, Variable b, Func<float, float, float> value, Func<float, float, (float A, float B)> slopes)
    {
        TensorShape shape = Broadcast(a.Shape, b.Shape);
        int[] stepsA = Steps(a.Shape, shape), stepsB = Steps(b.Shape, shape);
        Variable y = tape.New(shape, a.RequiresGradient || b.RequiresGradient);
        if (a.Shape == b.Shape)
            for (int i = 0; i < y.Count; i++) y.Data[i] = value(a.Data[i], b.Data[i]);
        else WalkBoth(shape, stepsA, stepsB, (i, j, k) => y.Data[i] = value(a.Data[j], b.Data[k]));
        return tape.Record(y, dy =>
        {
            float[]? da = a.RequiresGradient ? tape.GradientOf(a) : null, db = b.RequiresGradient ? tape.GradientOf(b) : null;
            WalkBoth(shape, stepsA, stepsB, (i, j, k) =>
            {
                (float sa, float sb) = slopes(a.Data[j], b.Data[k]);
                if (da is not null) da[j] += dy[i] * sa;
                if (db is not null) db[k] += dy[i] * sb;
            });
        });
    }

    private static void WalkBoth(TensorShape shape, int[] stepsA, int[] stepsB, Action<int, int, int> visit)
    {
        int k = 0;
        int[] places = new int[shape.ElementCount];
        ShapeOperators.Walk(shape, stepsB, 0, (i, place) => places[i] = place);
        ShapeOperators.Walk(shape, stepsA, 0, (i, place) => visit(i, place, places[k++]));
    }

    internal static TensorShape Broadcast(TensorShape a, TensorShape b)
    {
        int[] dims = new int[Math.Max(a.Rank, b.Rank)];
        for (int i = 1; i <= dims.Length; i++)
        {
            int x = i <= a.Rank ? a[-i] : 1, y = i <= b.Rank ? b[-i] : 1;
            if (x != y && x != 1 && y != 1) throw new ArgumentException($"shapes {a} and {b} don't broadcast");
            dims[^i] = x == 1 ? y : x;
        }
        return new TensorShape(dims);
    }

    /// <summary>Elements that an operand moves on for one step of each axis of the result.</summary>
    internal static int[] Steps(TensorShape own, TensorShape result)
    {
        int[] steps = new int[result.Rank];
        for (int i = 1; i <= own.Rank; i++) steps[^i] = own[-i] == 1 ? 0 : (int)own.CountOf(own.Rank - i + 1, own.Rank);
        return steps;
    }

    private readonly struct Factor(float factor) : IDifferentiable
    {
        public float Value(float x) => factor * x;

        public float Slope(float x, float y) => factor;
    }

    private readonly struct Leak(float slope) : IDifferentiable
    {
        public float Value(float x) => x > 0 ? x : slope * x;

        public float Slope(float x, float y) => x > 0 ? 1 : slope;
    }

    private readonly struct SigmoidFunction : IDifferentiable
    {
        public float Value(float x) => Sigmoid(x);

        public float Slope(float x, float y) => y * (1 - y);
    }

    private readonly struct TanhFunction : IDifferentiable
    {
        public float Value(float x) => MathF.Tanh(x);

        public float Slope(float x, float y) => 1 - y * y;
    }

    private readonly struct SquareRoot : IDifferentiable
    {
        public float Value(float x) => MathF.Sqrt(x);

        public float Slope(float x, float y) => 0.5f / y;
    }

    private readonly struct AbsoluteValue : IDifferentiable
    {
        public float Value(float x) => MathF.Abs(x);

        public float Slope(float x, float y) => x < 0 ? -1 : 1;
    }

    private readonly struct Exponential : IDifferentiable
    {
        public float Value(float x) => MathF.Exp(x);

        public float Slope(float x, float y) => y;
    }

    private readonly struct Logarithm : IDifferentiable
    {
        public float Value(float x) => MathF.Log(x);

        public float Slope(float x, float y) => 1 / x;
    }

    private readonly struct HardSwishFunction : IDifferentiable
    {
        public float Value(float x) => QuantizedFunctions.HardSwish(x);

        public float Slope(float x, float y) => x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + 0.5f;
    }
}

/// <summary>A function of one number with its derivative at (x, y = f(x)).</summary>
internal interface IDifferentiable
{
    float Value(float x);

    float Slope(float x, float y);
}
