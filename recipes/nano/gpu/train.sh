#!/bin/sh
# The large model, in 25 minutes on one accelerator of the H200's class and 16 cores: 128 px, all things, all art sets.
# Run it from the top of the project, a step at a time; each takes less than ten minutes, and goes on where it was stopped:
#   sh recipes/nano/gpu/train.sh pictures                scenes for VQGAN, CLIP and judge; the tokenizer
#   sh recipes/nano/gpu/train.sh train vqgan 110         so many seconds, then the rate falls and the model is exported
#   sh recipes/nano/gpu/train.sh tokens                  scenes for the transformer, painted and encoded where it trains
#   sh recipes/nano/gpu/train.sh hold transformer 300    so many seconds, and no end yet
#   sh recipes/nano/gpu/train.sh train transformer 150
#   sh recipes/nano/gpu/train.sh train features 30
#   sh recipes/nano/gpu/train.sh train vqgan-decoder 70
#   sh recipes/nano/gpu/train.sh train clip 40
#   sh recipes/nano/gpu/train.sh train clip-kin 30        the same CLIP, on pictures that are alike but for one thing
#   sh recipes/nano/gpu/train.sh train judge 60
#   ASSETS=DIR sh recipes/nano/gpu/train.sh ship         float16, in files under 10 MB
set -eu
files=${RUN_FILES:-recipes/nano/gpu}
out=out/gpu
python=${PYTHON:-.venv/bin/python}
workers=${WORKERS:-14}
scenes="$python -m recipes.world.build --world $files/world.toml --workers $workers"

hold() {  # WHAT SECONDS: the rate holds, for the run file has more steps than there is time for
  status=0
  timeout --signal=TERM --kill-after=60 "$2" $python -m dalle_mini train "${1%-*}" "$files/$1.toml" \
    --workdir "$out/$1" || status=$?
  [ $status = 0 ] || [ $status = 124 ]  # 124: its time was over, and it has saved
}

finish() {  # WHAT: the rate falls over decay_steps from the last save on, and the model is exported
  if [ ! -e "$out/$1/steps" ]; then
    last=$(find "$out/$1/saves" -maxdepth 1 -name '[0-9]*' -exec basename {} ';' | sort -n | tail -n 1)
    [ -n "$last" ] || { echo "$1 was stopped before its first save: give it more seconds" >&2; exit 1; }
    echo $((last + $(sed -n 's/^decay_steps = //p' "$files/$1.toml"))) >"$out/$1/steps"
  fi
  $python -m dalle_mini train "${1%-*}" "$files/$1.toml" --workdir "$out/$1" \
    --set optimizer.steps="$(cat "$out/$1/steps")"
}

case ${1:-} in
pictures)
  $scenes --count "${SCENES:-150000}" --seed 0 --out $out/scenes
  [ -e $out/tokenizer/special_tokens_map.json ] ||
    $python -m dalle_mini data tokenizer --pictures $out/scenes --vocab-size 4096 --out $out/tokenizer
  $scenes --count "${KIN:-100000}" --kin 4 --pairs 0.6 --seed 5 --out $out/kin
  $scenes --count "${JUDGED:-80000}" --pairs 0.5 --seed 3 --out $out/judged/seen
  $scenes --count "${UNSEEN:-4000}" --seed 4 --out $out/judged/unseen
  ;;
tokens)
  $python -m recipes.nano.tokens --world "$files/world.toml" --count "${SAMPLES:-2000000}" --seed 10 \
    --vqgan $out/vqgan/model --tokenizer $out/tokenizer --batch "${BATCH:-256}" --workers "$workers" --out $out/tokens
  ;;
hold) hold "$2" "$3" ;;
train)
  [ -e "$out/$2/steps" ] || hold "$2" "$3"
  finish "$2"
  ;;
ship) $python -m recipes.nano.ship --world "$files/world.toml" --work $out --assets "${ASSETS:?name a folder}" ;;
*)
  sed -n '2,/^set/s/^# \{0,1\}//p' "$0"
  exit 2
  ;;
esac
