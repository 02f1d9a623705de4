#!/bin/sh
# Makes the bundled model from nothing: picture set, VQGAN, token set, transformer, and the folder in assets/.
# Run it from the top of the project, after `./test --setup`. About 100 minutes on two CPU cores; it goes on where it was stopped.
set -eu
out=out/nano
python=.venv/bin/python
mini=.venv/bin/dalle-mini

$python -m recipes.world.build --count "${SCENES:-280000}" --seed 0 --out $out/scenes
[ -e $out/tokenizer/tokenizer.json ] || $mini data tokenizer --pictures $out/scenes --vocab-size 2048 --out $out/tokenizer
$mini train features recipes/nano/features.toml --workdir $out/features
$mini train vqgan recipes/nano/vqgan.toml --workdir $out/vqgan
$mini data encode --pictures $out/scenes --vqgan $out/vqgan/model --tokenizer $out/tokenizer \
  --max-text-length 32 --normalize --out $out/tokens
$mini train transformer recipes/nano/transformer.toml --workdir $out/transformer
$python -m recipes.nano.ship --work $out --assets "${ASSETS:-assets/nano}"
