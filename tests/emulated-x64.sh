#!/usr/bin/env bash
# Runs tests on an emulated Sapphire Rapids (AVX2, AVX-VNNI, AVX-512 with VBMI and VNNI) by the real JIT, on any x86-64 machine with
# Debian 12: Bochs 3.0, built from source (Debian's 2.7 knows no processor with AVX-VNNI), boots Debian's kernel with an
# archive of busybox, .NET and the tests. Some 90 million instructions a second of an idle core: half an hour for what it runs by default.
#
#   dotnet build tests/EdgeRuntime.Kernels.Tests -c Release; dotnet build tests/EdgeRuntime.Conformance -c Release
#   tests/emulated-x64.sh --tools FOLDER                         the kernels for AVX-VNNI and AVX-512, one by one, and whole networks
#   tests/emulated-x64.sh --tools FOLDER PROJECT [options]       tests of one project, for example Kernels.Tests -class NAME
#
# FOLDER (or EDGE_ARM64_TOOLS) has launcher/, which runs xunit tests in one process. DOTNET_Enable* and EDGE_TEST_KERNELS are passed on:
# DOTNET_EnableAVX512=0 leaves AVX2 and AVX-VNNI; EDGE_TEST_KERNELS=avx2,avx512 takes the kernels with such names.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tools=${EDGE_ARM64_TOOLS:-}
[ "${1:-}" != --tools ] || { tools=$2; shift 2; }
[ -e "$tools/launcher/launcher.csproj" ] || { echo "emulated-x64.sh: name the folder with launcher/launcher.csproj: --tools FOLDER" >&2; exit 2; }
tests() { printf "run '%s'" "$1"; shift; printf " '%s'" "$@"; echo; }
if [ $# -gt 0 ]; then commands=$(tests "$@"); else
    networks=$(tests Conformance -verbose -class EdgeRuntime.Conformance.IntegerDigestTests)
    commands="$(tests Kernels.Tests -verbose $(printf -- '-class EdgeRuntime.Kernels.Tests.%s ' ConvolutionInt8ConformanceTests ConvolutionInt4OutputTests RecurrentInt8ConformanceTests ElementwiseConformanceTests ConvolutionFloat32ConformanceTests MatrixProductConformanceTests))
$networks
(export DOTNET_EnableAVX512=0; $networks; exit \$failed) || failed=1
(export DOTNET_EnableAVXVNNI=0; $networks; exit \$failed) || failed=1"
fi
export EDGE_TEST_KERNELS=${EDGE_TEST_KERNELS:-avxvnni,avx512}

cache=${XDG_CACHE_HOME:-$HOME/.cache}/edgeruntime/emulated-x64
commit=34e2f77206e7c4b9db28239fbaf1b561fe84d93e # Bochs 3.0
mkdir -p "$cache"
if [ ! -x "$cache/bochs/bochs/bochs" ]; then
    apt-get install -y -q build-essential git cpio genisoimage isolinux syslinux-common busybox-static bochsbios vgabios >"$cache/apt.log"
    git init -q "$cache/bochs"
    git -C "$cache/bochs" fetch -q --depth 1 "${BOCHS_SOURCE:-https://github.com/bochs-emu/Bochs}" "$commit"
    git -C "$cache/bochs" checkout -q FETCH_HEAD
    # Showing instructions a second logs from a signal handler, which may wait for itself.
    (cd "$cache/bochs/bochs" && CXXFLAGS=-O2 CFLAGS=-O2 ./configure --enable-x86-64 --enable-avx --enable-evex --enable-amx --enable-cet \
        --enable-protection-keys --enable-uintr --enable-all-optimizations --disable-show-ips --with-nogui --disable-docbook && make -j"$(nproc)") >"$cache/build.log" 2>&1
fi
if [ ! -e "$cache/vmlinuz" ]; then
    (cd "$cache" && apt-get download -q "$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/ *Depends: //p')" >/dev/null &&
        dpkg -x linux-image-*.deb kernel && cp kernel/boot/vmlinuz-* vmlinuz && rm -r kernel linux-image-*.deb)
fi

# The guest: all of it in memory.
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
root=$work/root
runtime=$(dotnet --list-runtimes | sed -n 's/^Microsoft.NETCore.App \(10[^ ]*\) \[\(.*\)\]/\2\/\1/p' | tail -n 1)
dotnet=$(dirname "$(dirname "$(dirname "$runtime")")")
mkdir -p "$root"/{bin,proc,sys,dev,tmp,lib64,app} "$root/dotnet/host/fxr" "$root/dotnet/shared/Microsoft.NETCore.App" "$work/iso"
cp -r "$dotnet/dotnet" "$root/dotnet/"
cp -r "$dotnet/host/fxr/$(basename "$runtime")" "$root/dotnet/host/fxr/"
cp -r "$runtime" "$root/dotnet/shared/Microsoft.NETCore.App/"
cp /bin/busybox "$root/bin/"
ldd "$dotnet/dotnet" "$runtime"/lib{coreclr,clrjit,System.Native}.so | grep -o '/[^ ]*\.so[^ ]*' | grep -v : | sort -u | xargs cp -L --parents -t "$root"
cp -L /usr/lib/x86_64-linux-gnu/lib{ssl,crypto}.so.3 "$root/lib/x86_64-linux-gnu/"
dotnet build "$tools/launcher/launcher.csproj" -c Release --nologo -v q -p:SelfContained=false -p:PublishSingleFile=false --artifacts-path "$work/launcher" >"$cache/launcher.log"
cp -r "$work"/launcher/bin/launcher/release "$root/app/launcher"
for project in Kernels.Tests Conformance; do
    [ ! -d tests/EdgeRuntime.$project/bin/Release/net10.0 ] || cp -r tests/EdgeRuntime.$project/bin/Release/net10.0 "$root/app/$project"
done
shared=${EDGE_SHARED:-../shared}/models
[ ! -d "$shared" ] || (cd "$shared" && mkdir -p "$root/shared/models" && cp --parents */*int8*.onnx "$root/shared/models/")
{
    echo '#!/bin/busybox sh'
    echo 'for n in proc sysfs devtmpfs tmpfs; do /bin/busybox mount -t $n $n /$(echo $n | /bin/busybox sed "s/sysfs/sys/;s/devtmpfs/dev/;s/tmpfs/tmp/"); done'
    # Compiled once, optimised: instrumented code pays off later than the tests end.
    echo 'export DOTNET_TieredCompilation=0 DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 HOME=/tmp'
    echo 'export EDGE_SHARED=/shared; failed=0'
    env | grep -E '^(DOTNET_Enable|EDGE_TEST_)' | sed 's/^/export /' || true
    echo 'run() { p=$1; shift; /dotnet/dotnet /app/launcher/arm64-launcher.dll test /app/$p/EdgeRuntime.$p.dll "$@" || failed=1; }'
    echo '/bin/busybox grep -m 1 "model name" /proc/cpuinfo'
    echo "$commands"
    echo 'echo the tests end with code $failed; /bin/busybox sleep 1; /bin/busybox reboot -f'
} >"$root/init"
chmod +x "$root/init"
(cd "$root" && find . | cpio -o -H newc --quiet) >"$work/iso/initrd"
cp "$cache/vmlinuz" /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 "$work/iso/"
# What the kernel must not use: fsrm (580), as Bochs has no fast strings and Linux 6.1 then copies without end; AMX (600), half
# of whose state is missing; five levels of pages and ACPI, whose system management code Bochs does not survive. The reboot is a triple fault, which ends Bochs.
cat >"$work/iso/isolinux.cfg" <<END
default linux
label linux
 kernel vmlinuz
 append initrd=initrd console=ttyS0 quiet lsm= clearcpuid=580,600 no5lvl acpi=off nokaslr reboot=t panic=-1
END
genisoimage -quiet -o "$work/guest.iso" -b isolinux.bin -c boot.cat -no-emul-boot -boot-load-size 4 -boot-info-table "$work/iso"
cat >"$work/bochsrc" <<END
memory: guest=1024, host=1024
cpu: model=${EMULATED_CPU:-sapphire_rapids}, ips=100000000, reset_on_triple_fault=0
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
ata0-master: type=cdrom, path=$work/guest.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=$work/serial.txt
display_library: nogui
clock: sync=none
log: $work/bochs.log
info: action=ignore
error: action=ignore
panic: action=fatal
END
touch "$work/serial.txt"
"$cache/bochs/bochs/bochs" -q -f "$work/bochsrc" >"$work/out" 2>&1 </dev/null &
bochs=$!
tail -f --pid=$bochs "$work/serial.txt" &
wait $bochs || true; wait
grep -q 'the tests end with code 0' "$work/serial.txt"
