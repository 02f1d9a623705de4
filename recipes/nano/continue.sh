#!/bin/sh
# Trains the shipped transformer on, with scenes that it has not seen, and puts it in the place of the old one. All that it
# needs is in the repository. Every seed is a run of its own beside the others, and the mean of their weights ships: two
# cores see more in two runs than in one. Run it from the top of the project, each time with other seeds (0 to 18 are
# taken); it goes on where it was stopped.
#   sh recipes/nano/continue.sh 19 20
#   STEPS=5000 SCENES=160000   how long each; 32 scenes are a step, and more than that are seen again
#   PAIRS=0.5                  the share of scenes with two things, more than train.sh's: they are the hardest to learn
set -eu
files=${RUN_FILES:-recipes/nano}
python=${PYTHON:-.venv/bin/python}
[ $# -gt 0 ] || { echo 'give it seeds: sh recipes/nano/continue.sh 19 20' >&2; exit 2; }

cores=$(($(getconf _NPROCESSORS_ONLN) / $#))
printf '%s\n' "$@" |
  PJRT_NPROC=$((cores > 0 ? cores : 1)) xargs -P $# -I SEED sh "$(dirname "$0")/sitting.sh" SEED

out=out/nano/mean-$(echo "$@" | tr ' ' -)
$python -m recipes.nano.average $(printf 'out/nano/more-%s/transformer ' "$@") --out "$out/transformer/model"
$python -m recipes.nano.ship --world "$files/world.toml" --work "$out" --assets "${ASSETS:-assets/nano}"
