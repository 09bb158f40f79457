namespace EdgeRuntime.Model;

/// <summary>Replaces files whole: readers see the old contents or the new, never a part.</summary>
public static class AtomicFile
{
    /// <summary>Fails early where <see cref="Write"/> would after long work.</summary>
    /// <exception cref="DirectoryNotFoundException">There is no folder for <paramref name="path"/>.</exception>
    public static void CheckFolder(string path)
    {
        if (!Directory.Exists(Path.GetDirectoryName(Path.GetFullPath(path))))
            throw new DirectoryNotFoundException($"there is no folder {Path.GetDirectoryName(path)} to write {Path.GetFileName(path)} in; make it first");
    }

    /// <summary>Writes a temporary file beside <paramref name="path"/>, flushes it to the medium and renames it; devices are written to instead of being replaced.</summary>
    /// <exception cref="IOException">The file can't be written; <paramref name="path"/> is then as it was.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        CheckFolder(path);
        if (IsDevice(path))
        {
            using FileStream device = new(path, FileMode.Open, FileAccess.Write);
            write(device);
            return;
        }
        string temporary = $"{path}.{Guid.NewGuid():N}.tmp";
        try
        {
            using (FileStream stream = new(temporary, FileMode.CreateNew, FileAccess.Write))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }
            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    /// <summary>Whether it is a device or a stream of a process (/dev/full, /dev/stdout); root's rename would put a file in its place.</summary>
    private static bool IsDevice(string path)
    {
        string full = Path.GetFullPath(path);
        return OperatingSystem.IsLinux() && File.Exists(full) && (full.StartsWith("/proc/", StringComparison.Ordinal)
            || full.StartsWith("/dev/", StringComparison.Ordinal) && !full.StartsWith("/dev/shm/", StringComparison.Ordinal));
    }
}
