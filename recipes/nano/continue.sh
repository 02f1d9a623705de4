#!/bin/sh
# Trains the shipped transformer on, with scenes that it has not seen, and puts it in the place of the old one. All that it
# needs is in the repository. Run it from the top of the project, each time with another seed (train.sh uses 0, 3 and 4):
#   SEED=10 sh recipes/nano/continue.sh
#   STEPS=5000 SCENES=160000   how long; 32 scenes are a step, and more than that are seen again
#   PAIRS=0.5                  the share of scenes with two things, more than train.sh's: they are the hardest to learn
set -eu
files=${RUN_FILES:-recipes/nano}
assets=${ASSETS:-assets/nano}
out=out/nano/more-${SEED:?give it another seed: SEED=10 sh recipes/nano/continue.sh}
python=${PYTHON:-.venv/bin/python}

$python -m recipes.nano.tokens --world "$files/world.toml" --seed "$SEED" --count "${SCENES:-160000}" --pairs "${PAIRS:-0.5}" \
  --vqgan "$assets/vqgan" --tokenizer "$assets" --workers "${WORKERS:-2}" --out "$out/tokens"
$python -m dalle_mini train transformer "$files/transformer.toml" --workdir "$out/transformer" \
  --set learning.start_from="'$assets'" --set data.tokens="'$out/tokens'" --set data.tokenizer="'$assets'" \
  --set data.vqgan="'$assets/vqgan'" --set loop.seed="$SEED" --set optimizer.steps="${STEPS:-5000}"
$python -m recipes.nano.ship --world "$files/world.toml" --work "$out" --assets "$assets"
