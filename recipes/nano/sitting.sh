#!/bin/sh
# One run of continue.sh: writes tokens of scenes that nobody has seen, and trains the shipped transformer on with them.
#   sh recipes/nano/sitting.sh SEED
set -eu
files=${RUN_FILES:-recipes/nano}
assets=${ASSETS:-assets/nano}
python=${PYTHON:-.venv/bin/python}
out=out/nano/more-$1

$python -m recipes.nano.tokens --world "$files/world.toml" --seed "$1" --count "${SCENES:-160000}" --pairs "${PAIRS:-0.5}" \
  --vqgan "$assets/vqgan" --tokenizer "$assets" --workers "${WORKERS:-${PJRT_NPROC:-1}}" --out "$out/tokens"
$python -m dalle_mini train transformer "$files/transformer.toml" --workdir "$out/transformer" \
  --set learning.start_from="'$assets'" --set data.tokens="'$out/tokens'" --set data.tokenizer="'$assets'" \
  --set data.vqgan="'$assets/vqgan'" --set loop.seed="$1" --set optimizer.steps="${STEPS:-5000}"
