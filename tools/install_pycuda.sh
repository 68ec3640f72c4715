#!/usr/bin/env bash
# Build PyCUDA, which has no wheels, against CUDA headers from pip packages: no CUDA toolkit needed.
# Needs a C++ compiler, Python's headers and the GPU driver (LIBCUDA names its libcuda.so.1 where
# ldconfig does not know it).
#     tools/install_pycuda.sh [PYTHON]      PYTHON: .venv/bin/python unless given
set -euo pipefail

python=${1:-.venv/bin/python}
pip=("$python" -m pip install --quiet --disable-pip-version-check)
driver=${LIBCUDA:-$(ldconfig -p | awk '/libcuda\.so\.1 .*x86-64/ {print $NF; exit}')}
if [ -z "$driver" ]; then
    echo "install_pycuda: no libcuda.so.1 here; install the NVIDIA driver, or set LIBCUDA" >&2
    exit 1
fi
# The CUDA version that PyTorch's own packages have.
"${pip[@]}" 'cuda-toolkit[cudart,curand]==13.0.3' nvidia-cuda-crt==13.0.88 nvidia-cuda-profiler-api==13.0.85
cuda=$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/nvidia/cu13
links=$(mktemp -d)
trap 'rm -r "$links"' EXIT
# The packages and the driver lack the names that a linker looks for.
ln -s "$driver" "$links/libcuda.so"
ln -s "$cuda/lib/libcurand.so.10" "$links/libcurand.so"
CPATH="$cuda/include" LIBRARY_PATH="$links" LDFLAGS="-Wl,-rpath,$cuda/lib" \
    "${pip[@]}" --no-cache-dir --no-binary pycuda pycuda==2026.1
