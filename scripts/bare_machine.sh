#!/bin/sh
# Runs a benchmark on a machine that has Python with PyTorch, and nothing else of this project:
#
#   scripts/bare_machine.sh benchmark=skeleton jobs=4
#
# It makes .venv-bare on top of the PyTorch that is there, adds the packages that are missing,
# prepares the datasets found in HAR_DATA_DIR (or takes prepared stores in data/store), runs the GPU
# tests where there is a GPU, and then `scripts/benchmark.py` with the arguments given here. Called
# again it goes on.
#
# Without a network, put the missing packages into wheels/ before, on a machine that has one:
#   pip wheel --no-deps -c constraints.txt -w wheels hydra-core omegaconf antlr4-python3-runtime==4.9.3
#
# PYTHON   interpreter that has PyTorch (default python3)
# RESULTS  file for an archive of all results without the weights, such as /tmp/results.tgz
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
bin=.venv-bare/bin

"$python" -c 'import torch' 2>/dev/null || {
  echo "error: $python has no PyTorch; name the interpreter that has: PYTHON=<path> $0 $*" >&2
  exit 1
}

missing() { # names of the packages that this project needs and the interpreter lacks
  "$bin/python" - <<'PYTHON'
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, version

from pip._vendor.packaging.requirements import Requirement

with open("pyproject.toml", "rb") as file:
    needed = tomllib.load(file)["project"]["dependencies"]
for requirement in map(Requirement, needed):
    try:
        there = version(requirement.name)
    except PackageNotFoundError:
        print(str(requirement).replace(" ", ""))
        continue
    if not requirement.specifier.contains(there, prereleases=True):
        print(f"note: {requirement.name} {there} is there, tested is {requirement.specifier}", file=sys.stderr)
PYTHON
}

if [ ! -x "$bin/python" ]; then
  "$python" -m venv --system-site-packages .venv-bare
  # A virtual environment does not stand on another one by itself.
  "$python" -c 'import sys; print(*filter(None, sys.path), sep="\n")' \
    > "$("$bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/below.pth"
fi
packages=$(missing)
if [ -n "$packages" ]; then
  offline=
  if [ -d wheels ]; then offline="--no-index --find-links wheels"; fi
  # shellcheck disable=SC2086
  echo "$packages" | xargs "$bin/python" -m pip install -q $offline
fi
export PYTHONPATH="$PWD" HAR_HOME="$PWD"

for pair in nwucla:nwucla/all_sqe.tar.xz utd_mhad:utd_mhad/Skeleton.tar.xz; do
  raw=${HAR_DATA_DIR:-}/${pair#*:}
  if [ -n "${HAR_DATA_DIR:-}" ] && [ -f "$raw" ]; then
    "$bin/python" scripts/prepare_dataset.py dataset="${pair%%:*}" raw="$raw"
  fi
done

if "$bin/python" -c 'import sys, torch, pytest; sys.exit(not torch.cuda.is_available())' 2>/dev/null; then
  "$bin/python" -m pytest -q -m gpu || echo "GPU tests failed; the benchmark goes on" >&2
fi

status=0
"$bin/python" scripts/benchmark.py "$@" || status=$?
if [ -n "${RESULTS:-}" ]; then
  tar czf "$RESULTS" --exclude='*.ckpt' runs/benchmark
fi
exit $status
