using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Training;

/// <summary>
/// Draws a value of the student to one of the teacher (FitNets; Romero et al. 2015). Where they differ in channels, a 1×1 layer is
/// trained along that makes the student's into the teacher's; or their maps of attention are compared instead.
/// </summary>
public sealed class FeatureHint
{
    private readonly Variable? _weights, _bias;
    private readonly bool _attention;

    /// <summary>Pairs <paramref name="student"/> with a value of the teacher's, of shape <paramref name="teacher"/>.</summary>
    /// <exception cref="ModelException">They differ in more than channels.</exception>
    public FeatureHint(ValueInfo student, TensorShape teacher, bool attention, RandomSource random)
    {
        (Student, _attention) = (student, attention);
        if (teacher.Rank != student.Shape.Rank || teacher.With(-1, student.Shape[-1]) != student.Shape)
            throw new ModelException(ModelErrorKind.InvalidGraph, student.Name, $"a hint needs the teacher's value in the shape {student.Shape}, channels apart; it is {teacher}");
        if (attention || teacher == student.Shape) return;
        (int from, int to) = (student.Shape[-1], teacher[-1]);
        _weights = new Variable($"{student.Name}.hint", new TensorShape(to, from), Initialization.Gaussian(random, to * from, MathF.Sqrt(1f / from)));
        _bias = new Variable($"{student.Name}.hint.bias", new TensorShape(to), new float[to]);
    }

    /// <summary>The student's value.</summary>
    public ValueInfo Student { get; }

    /// <summary>The 1×1 layer, if there is one.</summary>
    public IReadOnlyList<Variable> Parameters => _weights is null ? [] : [_weights, _bias!];

    /// <summary>How far the student's value is from the teacher's; 1 is as far as zeros are.</summary>
    public Variable Loss(Tape tape, Variable student, Variable teacher) => _attention ? tape.AttentionTransfer(student, teacher)
        : tape.RelativeSquaredError(_weights is null ? student : tape.Dense(student, _weights, _bias), teacher);
}
