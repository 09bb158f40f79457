using Microsoft.Data.Sqlite;

namespace EdgeRuntime.Cli;

/// <summary>A study in an SQLite file, which processes of one machine share: statements that write wait for one another.</summary>
internal sealed class SqliteStudyStore(string path) : SqlStudyStore(Connect(path), "BLOB", "INTEGER PRIMARY KEY AUTOINCREMENT", "((julianday('now') - 2440587.5) * 86400.0)", "", "")
{
    private static SqliteConnection Connect(string path)
    {
        // Busy databases are waited for as long as a command may take.
        SqliteConnection connection = new(new SqliteConnectionStringBuilder { DataSource = path, DefaultTimeout = 60, Pooling = false }.ToString());
        connection.Open();
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;";
        command.ExecuteNonQuery();
        return connection;
    }
}
