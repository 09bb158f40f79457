#!/usr/bin/env bash
# Fetches ONNX Runtime's C library, which the conformance tests compare with and the benchmarks time against.
# It comes ready-built in an npm package; it is kept in ${XDG_CACHE_HOME:-$HOME/.cache}/edgeruntime/onnxruntime/<arch>/.
set -euo pipefail
version=1.30.0
case ${1:-$(uname -m)} in
    x86_64 | x64) arch=x64 ;;
    aarch64 | arm64) arch=arm64 ;;
    *) echo "fetch-onnxruntime: no library for ${1:-$(uname -m)}" >&2; exit 2 ;;
esac
target=${XDG_CACHE_HOME:-$HOME/.cache}/edgeruntime/onnxruntime/$arch
if [ -e "$target/libonnxruntime.so.1" ]; then echo "$target/libonnxruntime.so.1"; exit 0; fi
command -v npm >/dev/null || { echo "fetch-onnxruntime: npm is missing; install Node.js" >&2; exit 2; }
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
cd "$work"
npm pack --silent "onnxruntime-node@$version" >/dev/null
tar xzf "onnxruntime-node-$version.tgz" "package/bin/napi-v6/linux/$arch"
mkdir -p "$target"
cp "package/bin/napi-v6/linux/$arch/"libonnxruntime.so* "$target/"
echo "$target/libonnxruntime.so.1"
