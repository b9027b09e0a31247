#!/usr/bin/env bash
# Checks, then figures, on a bare machine with a GPU, Python 3.11 or later, torch and transformers; at most 8 minutes.
#
#     tests/gpu/measure.sh [OUTPUT]      # the table goes to standard output and to OUTPUT/h100.md (default: the working directory)
#
# What is missing (DeepSpeed is not needed on one GPU) is installed from wheels in tests/gpu/wheels, which `tests/gpu/measure.sh --fetch`
# fills where there is a network; nothing is fetched on the machine with the GPU.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
wheels="$root/tests/gpu/wheels"
python=${PYTHON:-python3}
needed=(peft==0.21.2 accelerate==1.15.0 safetensors tokenizers pydantic pandas scipy scikit-learn pyyaml psutil)

if [ "${1:-}" = --fetch ]; then
  mkdir -p "$wheels"
  exec "$python" -m pip download --no-deps --only-binary :all: --dest "$wheels" --quiet "${needed[@]}"
fi
output=${1:-$PWD}
mkdir -p "$output"
missing=()
for package in "${needed[@]}"; do
  name=${package%%==*}
  module=${name//-/_}
  [ "$name" = scikit-learn ] && module=sklearn
  [ "$name" = pyyaml ] && module=yaml
  "$python" -c "import $module" 2>/dev/null || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  "$python" -m pip install --quiet --no-index --find-links "$wheels" --no-deps "${missing[@]}"
fi
PYTHONPATH="$root/workflow:$root/tests" "$python" "$root/tests/gpu/measure.py" --seconds 420 | tee "$output/h100.md"
