#!/bin/sh
# Makes the bundled model from nothing: scenes, tokenizer, VQGAN, token set, transformer, the VQGAN's second stage, CLIP,
# judge, and the folder in assets/. Run it from the top of the project, after `./test --setup`. On two CPU cores it takes
# hours; it goes on where it was stopped.
#   SCENES=1000 sh recipes/nano/train.sh   draws fewer scenes
#   RUN_FILES, ASSETS, PYTHON              other run files with their world.toml, another folder to ship to, another Python
set -eu
files=${RUN_FILES:-recipes/nano}
out=out/nano
python=${PYTHON:-.venv/bin/python}
mini="$python -m dalle_mini"
scenes="$python -m recipes.world.build --world $files/world.toml"  # --size 96 --things popular --sets noto,flat

$scenes --count "${SCENES:-280000}" --seed 0 --out $out/scenes
[ -e $out/tokenizer/special_tokens_map.json ] ||
  $mini data tokenizer --pictures $out/scenes --vocab-size 4096 --out $out/tokenizer
$mini train vqgan "$files/vqgan.toml" --workdir $out/vqgan
$mini data encode --pictures $out/scenes --vqgan $out/vqgan/model --tokenizer $out/tokenizer \
  --max-text-length 32 --normalize --out $out/tokens
$mini train transformer "$files/transformer.toml" --workdir $out/transformer

$mini train features "$files/features.toml" --workdir $out/features
$mini train vqgan "$files/vqgan-decoder.toml" --workdir $out/vqgan-decoder

$mini train clip "$files/clip.toml" --workdir $out/clip
$scenes --count "${KIN:-100000}" --kin 4 --pairs 0.6 --seed 5 --out $out/kin
$mini train clip "$files/clip-kin.toml" --workdir $out/clip-kin

$scenes --count "${JUDGED:-60000}" --pairs 0.5 --seed 3 --out $out/judged/seen
$scenes --count "${UNSEEN:-4000}" --seed 4 --out $out/judged/unseen
$mini train judge "$files/judge.toml" --workdir $out/judge

$python -m recipes.nano.ship --world "$files/world.toml" --work $out --assets "${ASSETS:-assets/nano}"
