using Xunit;

// Allocation is counted for the whole process.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
