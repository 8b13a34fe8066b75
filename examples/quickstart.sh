#!/usr/bin/env bash
# The tour that every Kafka tutorial begins with: a topic, a console producer, consumers from the beginning, of one partition, and
# in a group, and how far behind that is. Against a service of its own, unless STRATOLOG_ENDPOINT names one.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
export PATH="$root/node_modules/.bin:$PATH"
stratolog() { node "$root/cli/stratolog.ts" "$@"; }
say() { printf '\n$ %s\n' "$*"; }
run() { say "stratolog$(for word; do [[ $word =~ ^[[:alnum:]._-]+$ ]] && printf ' %s' "$word" || printf " '%s'" "$word"; done)"; stratolog "$@"; }

topic=${1:-t1}
group=g-$topic

if [ -z "${STRATOLOG_ENDPOINT:-}" ]; then
  log=$(mktemp)
  node "$root/cli/stratolog.ts" dev --in-memory --port 0 >"$log" &
  service=$!
  trap 'kill "$service" 2>/dev/null || true; wait "$service" 2>/dev/null || true; rm -f "$log"' EXIT
  until grep -q 'listening on' "$log"; do
    kill -0 "$service" # ends the tour if the service could not start
    sleep 0.1
  done
  export STRATOLOG_ENDPOINT
  STRATOLOG_ENDPOINT=$(sed -n 's/.*listening on \(http[^ ]*\).*/\1/p' "$log")
fi

run topic create "$topic" --partitions 3 --replication-factor 2
run topic list
run topic describe "$topic"

say "seq 10 | sed 's/.*/key-&:value &/' | stratolog produce $topic -K :"
seq 10 | sed 's/.*/key-&:value &/' | stratolog produce "$topic" -K :

run consume "$topic" -e                                    # from the beginning
run consume "$topic" -p 1 -e -f '%p %o %k %v\n'             # one partition
run consume "$topic" -g "$group" -e -f '%p %o %k %v\n'      # as a member of a group, which remembers how far it got

say "seq 11 13 | sed 's/.*/key-&:value &/' | stratolog produce $topic -K :"
seq 11 13 | sed 's/.*/key-&:value &/' | stratolog produce "$topic" -K :

run group list
run group describe "$group"                                 # three records behind
run consume "$topic" -g "$group" -e -f '%p %o %k %v\n'      # only these
run group describe "$group"                                 # none

run group seek "$group" --to start --dry-run
run group seek "$group" --to start
run consume "$topic" -g "$group" -n 2                       # again, from the beginning
run group delete "$group"
run topic delete "$topic"
