using EdgeRuntime.Inference;
using Npgsql;

namespace EdgeRuntime.Cli;

/// <summary>A study in a PostgreSQL database, which any number of machines share.</summary>
internal sealed class PostgresStudyStore(string address) : SqlStudyStore(Connect(address), "BYTEA", "SERIAL PRIMARY KEY", "extract(epoch from clock_timestamp())", "FOR UPDATE SKIP LOCKED",
    // Tables that two processes create at once collide even where they exist already; one waits for the other.
    "SELECT pg_advisory_xact_lock(4242);")
{
    private static NpgsqlConnection Connect(string address)
    {
        if (!Uri.TryCreate(address, UriKind.Absolute, out Uri? uri) || uri.Host.Length == 0)
            throw new UsageException($"--study is '{address}'; postgres://USER[:PASSWORD]@HOST[:PORT]/DATABASE expected");
        string[] user = uri.UserInfo.Split(':', 2);
        NpgsqlConnectionStringBuilder options = new()
        {
            Host = uri.Host,
            Port = uri.Port > 0 ? uri.Port : 5432,
            Username = Uri.UnescapeDataString(user[0]),
            Database = uri.AbsolutePath.Trim('/'),
            Pooling = false,
        };
        if (user.Length == 2) options.Password = Uri.UnescapeDataString(user[1]);
        NpgsqlConnection connection = new(options.ToString());
        connection.Open();
        return connection;
    }
}
