using System.Runtime.InteropServices;
using System.Text;
using EdgeRuntime.Model;

namespace EdgeRuntime.Training;

/// <summary>All that training needs to go on exactly where it was: parameters, statistics, optimiser, average, randomness, history.</summary>
internal sealed class TrainingCheckpoint(IReadOnlyList<Variable> state, Optimizer optimizer, MovingAverage? average, RandomSource random)
{
    private static readonly byte[] Magic = Encoding.ASCII.GetBytes("EDGECKP1");

    private readonly float[][] _best = [.. state.Select(v => v.Data.ToArray())];

    public int Epoch { get; set; }

    public int BestEpoch { get; private set; }

    public double BestAccuracy { get; private set; } = -1;

    public List<double> Losses { get; private set; } = [];

    public List<double> Accuracies { get; private set; } = [];

    public void KeepBest()
    {
        (BestEpoch, BestAccuracy) = (Epoch, Accuracies.Count > 0 ? Accuracies[^1] : -1);
        for (int i = 0; i < _best.Length; i++) state[i].Data.CopyTo(_best[i], 0);
    }

    public void RestoreBest()
    {
        if (BestEpoch == 0) return;
        for (int i = 0; i < _best.Length; i++) _best[i].CopyTo(state[i].Data, 0);
    }

    private IEnumerable<float[]> Arrays => state.Select(v => v.Data).Concat(optimizer.State).Concat(average?.Averages ?? []).Concat(_best);

    public void Save(string path) => AtomicFile.Write(path, stream =>
    {
        using BinaryWriter w = new(stream, Encoding.UTF8, true);
        w.Write(Magic);
        w.Write(Signature());
        foreach (int n in (int[])[Epoch, BestEpoch, optimizer.Steps, average?.Updates ?? -1, Losses.Count, Accuracies.Count]) w.Write(n);
        w.Write(BestAccuracy);
        w.Write(random.State);
        foreach (double v in Losses.Concat(Accuracies)) w.Write(v);
        foreach (float[] a in Arrays) w.Write(MemoryMarshal.AsBytes(a.AsSpan()));
    });

    public void Load(string path)
    {
        using BinaryReader r = new(File.OpenRead(path), Encoding.UTF8);
        try
        {
            if (!r.ReadBytes(Magic.Length).AsSpan().SequenceEqual(Magic)) throw Bad(path, "this is no training checkpoint");
            if (r.ReadString() != Signature()) throw Bad(path, "the checkpoint belongs to another network or optimiser; name another file, or remove it to start anew");
            (Epoch, BestEpoch, optimizer.Steps) = (r.ReadInt32(), r.ReadInt32(), r.ReadInt32());
            int updates = r.ReadInt32(), losses = r.ReadInt32(), accuracies = r.ReadInt32();
            if (average is not null) average.Updates = updates;
            (BestAccuracy, random.State) = (r.ReadDouble(), r.ReadUInt64());
            if (losses is < 0 or > 1 << 20 || accuracies is < 0 or > 1 << 20) throw Bad(path, "the checkpoint is damaged");
            Losses = [.. Enumerable.Range(0, losses).Select(_ => r.ReadDouble())];
            Accuracies = [.. Enumerable.Range(0, accuracies).Select(_ => r.ReadDouble())];
            foreach (float[] a in Arrays) r.BaseStream.ReadExactly(MemoryMarshal.AsBytes(a.AsSpan()));
            if (r.BaseStream.Position != r.BaseStream.Length) throw Bad(path, "the checkpoint is damaged: it is too long");
        }
        catch (EndOfStreamException e)
        {
            throw new ModelException(ModelErrorKind.InvalidData, path, "the checkpoint is damaged: it ends too early", e);
        }
    }

    private string Signature() => string.Join(';', state.Select(v => v.ToString())) + $"|{optimizer.GetType().Name}|{(average is null ? "" : "average")}";

    private static ModelException Bad(string path, string message) => new(ModelErrorKind.InvalidData, path, message);
}
