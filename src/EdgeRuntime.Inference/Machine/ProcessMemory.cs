using System.Globalization;

namespace EdgeRuntime.Inference;

/// <summary>Resident memory of this process, from /proc/self; zero where the system does not show it.</summary>
public static class ProcessMemory
{
    /// <summary>Highest resident memory so far (VmHWM), bytes.</summary>
    public static long PeakBytes => Status("VmHWM:");

    /// <summary>Present resident memory (VmRSS), bytes.</summary>
    public static long ResidentBytes => Status("VmRSS:");

    /// <summary>Starts the peak anew at the present value; does nothing where the kernel does not allow it.</summary>
    public static void ResetPeak()
    {
        try
        {
            // Linux, proc(5): writing 5 resets VmHWM.
            File.WriteAllText("/proc/self/clear_refs", "5");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The peak then counts from the start of the process.
        }
    }

    private static long Status(string field)
    {
        const string path = "/proc/self/status";
        if (!File.Exists(path)) return 0;
        foreach (string line in File.ReadLines(path))
            if (line.StartsWith(field, StringComparison.Ordinal))
                return long.Parse(line.AsSpan(field.Length, line.Length - field.Length - 2), NumberStyles.Integer, CultureInfo.InvariantCulture) * 1024;
        return 0;
    }
}
