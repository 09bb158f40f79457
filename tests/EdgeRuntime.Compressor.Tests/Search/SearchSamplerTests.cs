using System.Text.Json.Nodes;
using Xunit;

namespace EdgeRuntime.Compressor.Tests;

/// <summary>What a search tries next, on made-up results.</summary>
public sealed class SearchSamplerTests
{
    private static readonly SearchSpace Space = SearchSpace.Parse("""{ "stages": [""" + string.Join(',', Enumerable.Range(0, 4).Select(s => $$"""{ "name": "s{{s}}", "choices": [""" + string.Join(',', Enumerable.Range(0, 5)
        .Select(c => $$"""{ "name": "c{{c}}" }""")) + "] }")) + "] }", "test");

    [Fact]
    public void EveryShippedSpaceComposesRecipes() => Assert.All(SearchSpace.Shipped, name =>
    {
        SearchSpace space = SearchSpace.Load(name);
        Assert.NotEmpty(space.RecipeOf([.. space.Stages.Select(s => s.Choices.Count - 1)]).Passes);
    });

    [Fact]
    public void FidelityScalesEpochsWhereverTheyStand()
    {
        SearchSpace space = SearchSpace.Parse("""{ "stages": [ { "choices": [ { "name": "a", "passes": [ { "pass": "prune", "options": { "steps": 2, "fineTune": { "epochs": 9 } } }, { "pass": "fine-tune", "options": { "epochs": 2 } } ] } ] } ] }""", "test");
        JsonNode passes = JsonNode.Parse(space.RecipeOf([0], 1.0 / 3).Json)!["passes"]!;
        Assert.Equal((3, 1), (passes[0]!["options"]!["fineTune"]!["epochs"]!.GetValue<int>(), passes[1]!["options"]!["epochs"]!.GetValue<int>()));
    }

    [Fact]
    public void WrongSpacesSayWhatIsKnown() =>
        Assert.Contains("known: ", Assert.Throws<RecipeException>(() => SearchSpace.Parse("""{ "stages": [ { "choices": [ { "name": "a", "passes": [ { "pass": "magic" } ] } ] } ] }""", "test")).Message, StringComparison.Ordinal);

    [Fact]
    public void ItComesNearerToTheTargetsThanRandomTrials()
    {
        double model = Enumerable.Range(0, 5).Average(seed => Search(seed, 60, 1).Best), random = Enumerable.Range(0, 5).Average(seed => Random(seed, 60));
        Assert.True(model < random, $"{model} against {random} by chance");
        Assert.Equal(Search(1, 30, 1).Trials.Select(t => t.Key), Search(1, 30, 1).Trials.Select(t => t.Key));
    }

    [Fact]
    public void OnlyTheBestThirdOfAStepGoesUp()
    {
        IReadOnlyList<Trial> trials = Search(1, 27, 3).Trials;
        Assert.Equal([27, 9, 3], Enumerable.Range(0, 3).Select(r => trials.Count(t => t.Rung == r)).Zip([27, 9, 3], (found, ideal) => Math.Abs(found - ideal) <= ideal / 3 ? ideal : found));
        Assert.All(trials.Where(t => t.Rung > 0), t => Assert.Contains(trials, l => l.Rung == t.Rung - 1 && l.Key == t.Key));
    }

    [Fact]
    public void TooFewTrialsForEveryStepEndWithTheBestInFull()
    {
        IReadOnlyList<Trial> trials = Search(1, 4, 3).Trials;
        Assert.Equal(trials.MinBy(t => t.Result!.Bytes)!.Key, Assert.Single(trials, t => t.Rung == 2).Key);
    }

    /// <summary>Bytes that are least for one choice of each stage, 3.</summary>
    private static TrialResult Measure(IReadOnlyList<int> choices) => new(100 + choices.Sum(c => 100 * Math.Abs(c - 3)), 0.9, 1, new Dictionary<string, double>(), 0);

    private static (IReadOnlyList<Trial> Trials, double Best) Search(int seed, int count, int rungs)
    {
        SearchSampler sampler = new(new StudySettings { Network = "", Space = "", Targets = new SearchTargets(100, [], null), Profiles = [], Trials = count, Rungs = rungs, Seed = seed, NetworkBlob = "", DataBlobs = [] }, Space);
        List<Trial> trials = [];
        while (sampler.Next(trials) is { } next) trials.Add(new Trial(trials.Count + 1, next.Choices, next.Rung, Measure(next.Choices)));
        return (trials, trials.Min(t => t.Result!.Bytes));
    }

    private static double Random(int seed, int count)
    {
        Random random = new(seed);
        return Enumerable.Range(0, count).Min(_ => Measure([.. Space.Stages.Select(s => random.Next(s.Choices.Count))]).Bytes);
    }
}
