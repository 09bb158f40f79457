using EdgeRuntime.Inference;
using Xunit;

namespace EdgeRuntime.Cli.Tests;

public sealed class SystemInfoTests
{
    [Fact]
    public void ReadsWhatABoardShows()
    {
        string root = Directory.CreateTempSubdirectory().FullName;
        void Put(string file, string text)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(root, file))!);
            File.WriteAllText(Path.Combine(root, file), text);
        }
        Put("proc/device-tree/model", "Some Board Rev 1.2\0");
        Put("proc/cpuinfo", "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd08\n");
        Put("proc/meminfo", "MemTotal:        948304 kB\nMemFree: 1 kB\nMemAvailable:    512000 kB\n");
        Put("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "ondemand\n");
        Put("sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "1500000\n");
        Put("sys/class/thermal/thermal_zone0/temp", "48686\n");
        Put("sys/class/thermal/thermal_zone1/temp", "41000\n");
        Put("sys/devices/platform/soc/soc:firmware/get_throttled", "50005\n");
        SystemInfo info = SystemInfo.Read(root);
        Directory.Delete(root, recursive: true);

        Assert.Equal("Some Board Rev 1.2", info.Board);
        Assert.Equal("Cortex-A72", info.Cpu);
        Assert.Equal((926, 500), (info.MemoryMib, info.AvailableMib));
        Assert.Equal("ondemand", info.Governor);
        Assert.Equal(1500, info.ClockMhz);
        Assert.Equal(48.686, info.TemperatureCelsius!.Value, 3);
        Assert.Equal(["under-voltage now", "throttled now", "under-voltage earlier", "throttled earlier"], info.Throttling);
    }

    [Fact]
    public void WhatIsNotShownIsLeftOut()
    {
        string root = Directory.CreateTempSubdirectory().FullName;
        SystemInfo info = SystemInfo.Read(root);
        Directory.Delete(root);
        Assert.Null(info.Governor);
        Assert.Null(info.Throttling);
        Assert.Null(info.TemperatureCelsius);
        Assert.DoesNotContain(info.Facts(), f => f.Name is "temperature" or "throttling" or "governor" or "board");
    }
}
