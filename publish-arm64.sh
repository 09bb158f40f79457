#!/usr/bin/env bash
# Publishes the board's program, edged, as one native executable in artifacts/, and checks it.
#
#   ./publish-arm64.sh                                  for every 64-bit Raspberry Pi (and other ARMv8 boards)
#   ./publish-arm64.sh --rid linux-x64                  for this x86-64 machine
#   ./publish-arm64.sh --rid linux-x64 --profile x64-avx2   for every x86-64 machine with AVX2
#
#   --rid linux-arm64|linux-x64     what to run on (linux-arm64)
#   --profile NAME                  a board of runtime-profiles/: its instruction sets become the least that the program needs
#   --framework net10.0|net9.0      .NET to build with (net10.0)
#   --device-packages               with the packages for microphones, cameras and GPIO (DevicePackages=true)
#   --onnxruntime                   with ONNX Runtime's package, for comparison (OnnxRuntimePackage=true)
#
# One linux-arm64 program serves all boards: it needs plain ARMv8.0 NEON and finds dotprod by itself when it starts. On
# x86-64, AVX2 code must be asked for when compiling; AVX-VNNI is then found at start, AVX-512 must be asked for too.
set -euo pipefail
cd "$(dirname "$0")"

rid=linux-arm64 profile='' framework=net10.0 properties=()
fail() { printf '%s\n' "publish-arm64.sh: $1" >&2; exit "${2:-1}"; }
while [ $# -gt 0 ]; do
  case $1 in
    --rid) rid=${2:?--rid needs a value}; shift 2 ;;
    --profile) profile=${2:?--profile needs a value}; shift 2 ;;
    --framework) framework=${2:?--framework needs a value}; shift 2 ;;
    --device-packages) properties+=(-p:DevicePackages=true); shift ;;
    --onnxruntime) properties+=(-p:OnnxRuntimePackage=true); shift ;;
    -h|--help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//p}' "$0"; exit 0 ;;
    *) fail "unknown option $1; see ./publish-arm64.sh --help" 2 ;;
  esac
done
case $rid in linux-arm64) arch=arm64 elf='ARM aarch64' ;; linux-x64) arch=x64 elf='x86-64' ;; *) fail "--rid $rid: linux-arm64 or linux-x64 expected" 2 ;; esac
case $framework in net10.0|net9.0) ;; *) fail "--framework $framework: net10.0 or net9.0 expected" 2 ;; esac
case $(uname -m) in x86_64) host=x64 ;; aarch64) host=arm64 ;; *) fail "this machine ($(uname -m)) can't compile; use an x86-64 or 64-bit ARM machine with Linux" ;; esac
command -v dotnet >/dev/null || fail "the .NET 10 SDK is missing: install it from https://dotnet.microsoft.com/download"

isa=''
if [ -n "$profile" ]; then
  file=runtime-profiles/$profile.json
  [ -f "$file" ] || fail "--profile $profile: there is no $file; known: $(cd runtime-profiles && ls -- *.json | grep -v schema | sed 's/\.json$//' | tr '\n' ' ')" 2
  grep -q "\"architecture\": \"$arch\"" "$file" || fail "--profile $profile is no $arch board, but --rid is $rid" 2
  isa=$(sed -n 's/.*"isa": \[\(.*\)\].*/\1/p' "$file")
fi

# Instruction sets in the compiler's words, which differ between its versions.
instructions=''
case $arch-$framework-$isa in
  arm64-*) ;;
  x64-*-) [ "$host" = x64 ] && instructions=native || fail "name a profile: --profile x64-avx2" 2 ;;
  x64-net10.0-*avx512*) instructions=x86-64-v4 ;;
  x64-net10.0-*) instructions=x86-64-v3 ;;
  x64-net9.0-*)
    instructions=avx2,bmi,bmi2,fma,lzcnt,movbe,popcnt
    case $isa in *avx512*) instructions+=,avx512f,avx512f_vl,avx512bw,avx512bw_vl,avx512dq,avx512dq_vl,avx512cd,avx512cd_vl ;; esac ;;
esac
[ -z "$instructions" ] || properties+=("-p:IlcInstructionSet=${instructions//,/%2c}")

# The linker: the system's own compiler, or a cross compiler.
out=artifacts/$rid
work=artifacts/obj-$rid-$framework
mkdir -p "$out" "$work"
if [ "$host" = "$arch" ]; then
  if command -v clang >/dev/null; then linker=clang
  elif command -v gcc >/dev/null; then linker=gcc
  else fail "a C compiler is missing to link the program: apt install gcc zlib1g-dev"; fi
else
  triple=$([ "$arch" = arm64 ] && echo aarch64-linux-gnu || echo x86-64-linux-gnu)
  prefix=$([ "$arch" = arm64 ] && echo aarch64-linux-gnu || echo x86_64-linux-gnu)
  command -v "$prefix-gcc" >/dev/null && command -v "$prefix-objcopy" >/dev/null ||
    fail "to link for $rid on this $host machine a cross compiler is missing: apt install gcc-$triple libc6-dev-$arch-cross (or run this script on the board)"
  # The SDK passes clang's --target, which a cross gcc neither knows nor needs.
  linker=$PWD/$work/cross-gcc
  cat >"$linker" <<EOF
#!/bin/sh
for a do shift; case \$a in --target=*) ;; *) set -- "\$@" "\$a" ;; esac; done
exec $prefix-gcc "\$@"
EOF
  chmod +x "$linker"
  properties+=("-p:ObjCopyName=$prefix-objcopy")
fi

explain() {
  local log=$1 found=0 package
  note() { printf '%s\n' "  - $1" >&2; found=1; }
  printf '%s\n' "publish-arm64.sh: publishing failed; what the log ($log) says in plain words:" >&2
  for package in $(grep -ohE "(NU1101|NU1102): Unable to find package [A-Za-z0-9._-]+" "$log" | awk '{print $NF}' | sed 's/\.$//' | sort -u); do
    case $package in
      *ILCompiler*|*Runtime*|*runtime.*) note "your NuGet source lacks $package, a part of .NET for $rid and $framework; try --framework $([ "$framework" = net10.0 ] && echo net9.0 || echo net10.0), or a source that has it" ;;
      *) note "your NuGet source lacks the package $package" ;;
    esac
  done
  grep -q 'NU1301' "$log" && note "the NuGet source can't be reached; check network and proxy"
  grep -q 'NETSDK1045' "$log" && note "the installed .NET SDK is too old for $framework; install the .NET 10 SDK"
  grep -qE 'Platform linker .* not found|Requested linker .* not found' "$log" && note "the linker is missing: apt install gcc"
  grep -qE 'Symbol stripping tool .* not found' "$log" && note "objcopy is missing: apt install binutils"
  grep -qE 'cannot find -lz\b' "$log" && note "zlib's library is missing: apt install zlib1g-dev"
  grep -qE 'cannot find -l(ssl|crypto)\b' "$log" && note "OpenSSL's library is missing: apt install libssl-dev"
  grep -qE 'cannot find (crt1|Scrt1)\.o|stdio.h: No such file' "$log" && note "the C library's files for $rid are missing: apt install libc6-dev$([ "$host" = "$arch" ] || echo "-$arch-cross")"
  grep -q 'Unrecognized instruction set' "$log" && note "this compiler version has no instruction set $instructions; try the other --framework"
  grep -qE 'error CS[0-9]+' "$log" && note "the program itself does not compile: dotnet build EdgeRuntime.sln -c Release"
  [ "$found" = 1 ] || grep -E 'error' "$log" | sort -u | head -n 5 >&2
}

log=$work/publish.log
echo "publishing edged for $rid with $framework${profile:+, profile $profile}${instructions:+, instruction sets $instructions}"
if ! dotnet publish src/EdgeRuntime.Daemon/EdgeRuntime.Daemon.csproj -c Release -r "$rid" --nologo -v minimal \
    -p:PublishAot=true "-p:EdgeTargetFramework=$framework" "-p:CppCompilerAndLinker=$linker" "${properties[@]}" \
    --artifacts-path "$work/build" -o "$work/publish" </dev/null >"$log" 2>&1; then
  explain "$log"
  exit 1
fi
mv -f "$work/publish/edged" "$out/edged"
[ ! -f "$work/publish/edged.dbg" ] || mv -f "$work/publish/edged.dbg" "$out/edged.dbg"

size=$(stat -c %s "$out/edged")
file=$(od -An -tx1 -N20 "$out/edged" | tr -d ' \n')
case $arch-$file in
  x64-7f454c460201*3e00|arm64-7f454c460201*b700) ;;
  *) fail "$out/edged is no $elf executable" ;;
esac
if [ "$host" = "$arch" ]; then
  "$out/edged" doctor >"$work/doctor.txt" || { cat "$work/doctor.txt" >&2; fail "edged doctor finds a fault"; }
  grep -E '^(version|instruction sets|profile|self-test|warning)' "$work/doctor.txt"
else
  echo "an $elf program, which this machine can't run; on the board: ./edged doctor"
fi
echo "$out/edged: $size bytes ($((size / 1024)) KiB)"
