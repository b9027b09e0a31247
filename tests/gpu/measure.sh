#!/usr/bin/env bash
# Checks, then figures, on a bare machine with a GPU, Python 3.11 or later, torch and transformers; at most 8 minutes.
#
#     tests/gpu/measure.sh [OUTPUT]              # the table goes to standard output and to OUTPUT/h100.md (default: the working directory)
#     tests/gpu/measure.sh OUTPUT --rehearse     # the same with `tiny` on a CPU, to see that it runs
#     PYTHON_VERSION=3.12 tests/gpu/measure.sh --fetch
#
# What is missing (DeepSpeed is not needed on one GPU) is unpacked from wheels in tests/gpu/wheels, which --fetch fills where there is a
# network, for Linux and the Python of the machine with the GPU. There nothing is fetched or installed, and pip is not needed. The wheels
# take less than 60 MB.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
wheels="$root/tests/gpu/wheels"
python=${PYTHON:-python3}
# Beside torch and transformers with what they require: a test holds the list against what is imported.
needed=(peft==0.21.2 accelerate==1.15.0 psutil==7.2.2 pandas==2.3.3 python-dateutil pytz tzdata six scipy==1.17.1 h5py)

if [ "${1:-}" = --fetch ]; then
  mkdir -p "$wheels"
  exec "$python" -m pip download --no-deps --only-binary :all: --python-version "${PYTHON_VERSION:-3.12}" \
    --platform manylinux_2_28_x86_64 --platform manylinux2014_x86_64 --platform any \
    --dest "$wheels" --quiet "${needed[@]}"
fi
output=${1:-$PWD}
mkdir -p "$output"
brought=$(mktemp -d)
trap 'rm -rf "$brought"' EXIT
for package in "${needed[@]}"; do
  name=${package%%==*}
  "$python" -c "from importlib.metadata import version; version('$name')" 2>/dev/null && continue
  found=$(compgen -G "$wheels/${name//-/_}-*.whl" | head -n 1) || true
  if [ -z "$found" ]; then
    echo "$name is neither installed for $python nor in tests/gpu/wheels: where there is a network, run" \
      "PYTHON_VERSION=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])') tests/gpu/measure.sh --fetch" >&2
    exit 1
  fi
  "$python" -m zipfile -e "$found" "$brought"
done
PYTHONPATH="$root/workflow:$root/tests:$brought" "$python" "$root/tests/gpu/measure.py" --seconds 420 "${@:2}" | tee "$output/h100.md"
