#!/usr/bin/env bash
# Runs gpu_step.py on a machine that has CUDA, JAX and PyTorch, and nothing else of ours: the few
# small wheels that Keras needs besides go to a temporary folder. Where there is no package index,
# put them into benchmarks/gpu/wheels before, on a machine with one and with the same Python:
#     pip download --no-deps -d benchmarks/gpu/wheels keras optree ml_dtypes h5py namex absl-py \
#         rich packaging markdown-it-py mdurl pygments
# Writes gpu_step.json to the folder that it is called in, or to $OUT. 8 minutes at most, and one
# for the set-up; further arguments are those of gpu_step.py.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
needed=(keras optree ml_dtypes h5py namex absl-py rich packaging markdown-it-py mdurl pygments)
added=$(mktemp -d)
trap 'rm -rf "$added"' EXIT

python=${PYTHON:-python3}
"$python" -c 'import jax, numpy, torch' # said at once where they are not there
missing=()
for name in "${needed[@]}"; do
  "$python" -c "import importlib.metadata as m; m.version('$name')" 2>/dev/null || missing+=("$name")
done
if [ "${#missing[@]}" -gt 0 ]; then
  wheels=()
  [ -d "$here/wheels" ] && wheels=(--no-index --find-links "$here/wheels")
  "$python" -m pip install --quiet --no-deps --target "$added" "${wheels[@]}" "${missing[@]}"
fi
PYTHONPATH=$added${PYTHONPATH:+:$PYTHONPATH} "$python" "$here/../gpu_step.py" \
  --json="${OUT:-.}/gpu_step.json" "$@"
