using EdgeRuntime.Tensors;
using Xunit;

namespace EdgeRuntime.Training.Tests;

public sealed class OptimizerTests
{
    [Fact]
    public void SgdFollowsItsFormula()
    {
        Variable p = new("p", new TensorShape(1), [1]);
        Sgd sgd = new([p], momentum: 0.5f, weightDecay: 0.1f);
        p.Gradient = [2];
        sgd.Step(0.1f);
        Assert.Equal(1 - 0.1f * 2.1f, p.Data[0], 6);
        float velocity = 0.5f * 2.1f + 2 + 0.1f * p.Data[0], expected = p.Data[0] - 0.1f * velocity;
        sgd.Step(0.1f);
        Assert.Equal(expected, p.Data[0], 6);
    }

    [Fact]
    public void AdamsFirstStepIsTheRateItself()
    {
        Variable p = new("p", new TensorShape(2), [1, -1]);
        Adam adam = new([p]);
        p.Gradient = [5, -0.001f];
        adam.Step(0.01f);
        Assert.Equal(0.99f, p.Data[0], 5);
        Assert.Equal(-0.99f, p.Data[1], 4);
    }

    [Fact]
    public void DecoupledDecayShrinksWithoutTheGradientsScale()
    {
        Variable p = new("p", new TensorShape(1), [1]);
        Adam adam = new([p], weightDecay: 0.1f);
        p.Gradient = [0];
        adam.Step(0.5f);
        Assert.Equal(0.95f, p.Data[0], 6);
    }

    [Fact]
    public void GradientsAreClippedByTheirCommonNorm()
    {
        Variable a = new("a", new TensorShape(1), [0]) { Gradient = [3] }, b = new("b", new TensorShape(1), [0]) { Gradient = [4] };
        Assert.Equal(5, Optimizer.ClipGradients([a, b], 1), 5);
        Assert.Equal(0.6f, a.Gradient![0], 5);
        Assert.Equal(0.8f, b.Gradient![0], 5);
        Assert.Equal(1, Optimizer.ClipGradients([a, b], 2), 5);
        Assert.Equal(0.6f, a.Gradient[0], 5);
    }

    [Fact]
    public void SchedulesRiseAndFall()
    {
        LearningRateSchedule cosine = LearningRateSchedule.Cosine(2, 0.1f);
        Assert.Equal(0.2f, cosine.At(0, 100), 5);
        Assert.Equal(2, cosine.At(10, 100), 5);
        Assert.Equal(1, cosine.At(55, 100), 5);
        Assert.True(cosine.At(99, 100) < 0.01f);
        LearningRateSchedule steps = LearningRateSchedule.Step(1, 0.1f, 0.5f, 0.75f);
        Assert.Equal(1, steps.At(49, 100));
        Assert.Equal(0.1f, steps.At(50, 100), 6);
        Assert.Equal(0.01f, steps.At(75, 100), 6);
    }

    [Fact]
    public void TheAverageLagsBehind()
    {
        Variable p = new("p", new TensorShape(1), [0]);
        MovingAverage average = new([p], 0.5f);
        p.Data[0] = 1;
        for (int i = 0; i < 60; i++) average.Update();
        p.Data[0] = 9;
        average.Swap();
        Assert.Equal(1, p.Data[0], 5);
        average.Swap();
        Assert.Equal(9, p.Data[0]);
    }
}
