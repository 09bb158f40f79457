using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace EdgeRuntime.Cli.Tests;

/// <summary>A PostgreSQL server of its own, in a temporary folder; it refuses to run as root, so another user owns it then.</summary>
internal sealed class PostgresServer : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("edge-postgres").FullName, _programs;

    private PostgresServer(string programs)
    {
        _programs = programs;
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        int port = ((IPEndPoint)listener.LocalEndpoint).Port;
        listener.Stop();
        if (Environment.IsPrivilegedProcess) Run("chown", "nobody", _folder);
        string data = Path.Combine(_folder, "data");
        AsOwner("initdb", "-D", data, "-U", "edge", "--auth=trust", "--no-sync");
        AsOwner("pg_ctl", "-D", data, "-w", "-l", Path.Combine(_folder, "log"), "-o", $"-p {port} -k {_folder} -c listen_addresses=127.0.0.1 -c fsync=off", "start");
        Address = $"postgres://edge@127.0.0.1:{port}/postgres";
    }

    public string Address { get; }

    /// <summary>Starts one; null where PostgreSQL is not installed.</summary>
    public static PostgresServer? Start()
    {
        string[] folders = [.. Directory.Exists("/usr/lib/postgresql") ? Directory.GetDirectories("/usr/lib/postgresql").Select(d => Path.Combine(d, "bin")) : [], .. (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')];
        return folders.FirstOrDefault(f => File.Exists(Path.Combine(f, "initdb")) && File.Exists(Path.Combine(f, "pg_ctl"))) is { } programs ? new PostgresServer(programs) : null;
    }

    public void Dispose()
    {
        AsOwner("pg_ctl", "-D", Path.Combine(_folder, "data"), "-m", "immediate", "-w", "stop");
        Directory.Delete(_folder, recursive: true);
    }

    private void AsOwner(string program, params string[] args)
    {
        string[] call = [Path.Combine(_programs, program), .. args];
        if (Environment.IsPrivilegedProcess) Run("setpriv", ["--reuid=nobody", "--regid=nogroup", "--clear-groups", .. call]);
        else Run(call[0], args);
    }

    private void Run(string program, params string[] args)
    {
        ProcessStartInfo start = new(program, args) { WorkingDirectory = _folder, RedirectStandardInput = true };
        // The server keeps what it inherits: its output goes to a file, not into a pipe that would never end.
        start.RedirectStandardOutput = start.RedirectStandardError = program != "setpriv" || !args.Contains("start");
        using Process process = Process.Start(start)!;
        string text = start.RedirectStandardError ? process.StandardError.ReadToEnd() : "";
        process.WaitForExit();
        if (process.ExitCode != 0) throw new InvalidOperationException($"{program} {string.Join(' ', args)}: {text}");
    }
}
