using System.Data.Common;
using System.Globalization;
using System.Security.Cryptography;
using EdgeRuntime.Compressor;
using EdgeRuntime.Inference;

namespace EdgeRuntime.Cli;

/// <summary>
/// A study in a database. A trial is <c>waiting</c>, <c>running</c> until its lease ends, or <c>done</c>; one statement takes
/// it, so that no two workers get the same. Times are the database's own, as the workers' clocks differ.
/// </summary>
internal abstract class SqlStudyStore : IStudyStore
{
    private readonly object _lock = new();
    private readonly DbConnection _connection;
    private readonly string _now, _forUpdate;

    /// <param name="connection">An open connection, taken over.</param>
    /// <param name="bytes">The type of byte strings.</param>
    /// <param name="identity">The type of a number that counts up.</param>
    /// <param name="now">Seconds since 1970.</param>
    /// <param name="forUpdate">What makes a selected row this transaction's, and skips those of others.</param>
    /// <param name="beforeTables">A statement before tables are made.</param>
    protected SqlStudyStore(DbConnection connection, string bytes, string identity, string now, string forUpdate, string beforeTables)
    {
        (_connection, _now, _forUpdate) = (connection, now, forUpdate);
        Execute($"""
            {beforeTables}
            CREATE TABLE IF NOT EXISTS study (id INTEGER PRIMARY KEY CHECK (id = 1), settings TEXT NOT NULL);
            CREATE TABLE IF NOT EXISTS blob (hash TEXT PRIMARY KEY, data {bytes} NOT NULL);
            CREATE TABLE IF NOT EXISTS trial (id {identity}, choices TEXT NOT NULL, rung INTEGER NOT NULL, state TEXT NOT NULL, worker TEXT, lease DOUBLE PRECISION,
              retaken INTEGER NOT NULL DEFAULT 0, result TEXT, recipe TEXT, model {bytes}, UNIQUE (choices, rung));
            """);
    }

    /// <inheritdoc/>
    public StudySettings? Settings => Text("SELECT settings FROM study") is { } json ? StudySettings.Parse(json) : null;

    /// <inheritdoc/>
    public int Retaken => int.Parse(Text("SELECT COALESCE(SUM(retaken), 0) FROM trial")!, CultureInfo.InvariantCulture);

    /// <summary>Opens the study of an address: <c>postgres://…</c>, or an SQLite file.</summary>
    /// <exception cref="UsageException">The database can't be opened.</exception>
    public static IStudyStore Open(string address)
    {
        try
        {
            return address.StartsWith("postgres://", StringComparison.Ordinal) || address.StartsWith("postgresql://", StringComparison.Ordinal) ? new PostgresStudyStore(address) : new SqliteStudyStore(address);
        }
        catch (DbException e)
        {
            throw new UsageException($"--study {address}: {e.Message}");
        }
    }

    /// <inheritdoc/>
    public void Create(StudySettings settings) => Execute("INSERT INTO study (id, settings) VALUES (1, @a) ON CONFLICT DO NOTHING", settings.ToJson());

    /// <inheritdoc/>
    public string PutBlob(ReadOnlySpan<byte> bytes)
    {
        string hash = Convert.ToHexStringLower(SHA256.HashData(bytes));
        Execute("INSERT INTO blob (hash, data) VALUES (@a, @b) ON CONFLICT DO NOTHING", hash, bytes.ToArray());
        return hash;
    }

    /// <inheritdoc/>
    public byte[] Blob(string hash) => Read("SELECT data FROM blob WHERE hash = @a", r => (byte[])r[0], hash) is [byte[] data] ? data
        : throw new UsageException($"the study has lost the data of hash {hash}");

    /// <inheritdoc/>
    public IReadOnlyList<Trial> Trials() => Read("SELECT id, choices, rung, result FROM trial ORDER BY id",
        r => new Trial(Convert.ToInt32(r[0], CultureInfo.InvariantCulture), Choices(r.GetString(1)), Convert.ToInt32(r[2], CultureInfo.InvariantCulture), r.IsDBNull(3) ? null : TrialResult.Parse(r.GetString(3))));

    /// <inheritdoc/>
    public bool TryAdd(IReadOnlyList<int> choices, int rung) =>
        Execute("INSERT INTO trial (choices, rung, state) VALUES (@a, @b, 'waiting') ON CONFLICT DO NOTHING", string.Join(',', choices), rung) > 0;

    /// <inheritdoc/>
    public Trial? Claim(string worker, TimeSpan lease) => Read($"""
        UPDATE trial SET retaken = retaken + CASE WHEN state = 'running' THEN 1 ELSE 0 END, state = 'running', worker = @a, lease = {_now} + @b
        WHERE id = (SELECT id FROM trial WHERE state = 'waiting' OR (state = 'running' AND lease < {_now}) ORDER BY rung DESC, id LIMIT 1 {_forUpdate})
        RETURNING id, choices, rung
        """, r => new Trial(Convert.ToInt32(r[0], CultureInfo.InvariantCulture), Choices(r.GetString(1)), Convert.ToInt32(r[2], CultureInfo.InvariantCulture), null), worker, lease.TotalSeconds).FirstOrDefault();

    /// <inheritdoc/>
    public bool Renew(int trial, string worker, TimeSpan lease) =>
        Execute($"UPDATE trial SET lease = {_now} + @c WHERE id = @a AND worker = @b AND state = 'running'", trial, worker, lease.TotalSeconds) > 0;

    /// <inheritdoc/>
    public void Complete(int trial, string worker, TrialResult result, string recipe, byte[] model) =>
        Execute("UPDATE trial SET state = 'done', result = @c, recipe = @d, model = @e WHERE id = @a AND worker = @b AND state = 'running'", trial, worker, result.ToJson(), recipe, model);

    /// <inheritdoc/>
    public void Release(int trial, string worker) =>
        Execute("UPDATE trial SET state = 'waiting', worker = NULL, lease = NULL WHERE id = @a AND worker = @b AND state = 'running'", trial, worker);

    /// <inheritdoc/>
    public (string Recipe, byte[] Model) Artifacts(int trial) =>
        Read("SELECT recipe, model FROM trial WHERE id = @a AND state = 'done'", r => (r.GetString(0), (byte[])r[1]), trial)[0];

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock) _connection.Dispose();
    }

    private static int[] Choices(string text) => Array.ConvertAll(text.Split(','), c => int.Parse(c, CultureInfo.InvariantCulture));

    private string? Text(string sql) => Read(sql, r => Convert.ToString(r[0], CultureInfo.InvariantCulture)).FirstOrDefault();

    private int Execute(string sql, params object[] values)
    {
        lock (_lock)
        {
            using DbCommand command = Command(sql, values);
            return command.ExecuteNonQuery();
        }
    }

    private List<T> Read<T>(string sql, Func<DbDataReader, T> read, params object[] values)
    {
        lock (_lock)
        {
            using DbCommand command = Command(sql, values);
            using DbDataReader reader = command.ExecuteReader();
            List<T> rows = [];
            while (reader.Read()) rows.Add(read(reader));
            return rows;
        }
    }

    /// <summary>A command whose parameters are @a, @b, ….</summary>
    private DbCommand Command(string sql, object[] values)
    {
        DbCommand command = _connection.CreateCommand();
        command.CommandText = sql;
        foreach (var (i, value) in values.Index())
        {
            DbParameter parameter = command.CreateParameter();
            (parameter.ParameterName, parameter.Value) = ("@" + (char)('a' + i), value);
            command.Parameters.Add(parameter);
        }
        return command;
    }
}
