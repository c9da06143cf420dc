#!/bin/sh
# Runs the node of $DATA. One that is new joins the swarm that $SECRETS/swarm.json names; with FOUNDER=yes
# it creates that swarm, unless it is there, and writes the file, which holds the tokens. The tokens are
# in no output and in no list of processes.
set -eu
umask 077
trap 'exit 143' TERM INT
: "${DATA:=/data}" "${SECRETS:=/secrets}" "${LISTEN:=0.0.0.0:7000}" "${ADVERTISE:?HOST:PORT for the others}"
: "${FOUNDER:=no}" "${ZONE:=}" "${TOPICS_LISTEN:=}" "${AGENTIC_FLOW:=agentic-flow}"
swarm="$SECRETS/swarm.json"

field() {
  node -p 'JSON.parse(require("node:fs").readFileSync(process.argv[1], "utf8"))[process.argv[2]]' "$swarm" "$1"
}

# Killed between the two steps below: the swarm is there, and only its file has not its name yet.
if [ -e "$DATA/node.json" ] && [ ! -e "$swarm" ] && [ -s "$swarm.new" ]; then mv "$swarm.new" "$swarm"; fi

set -- node start --data "$DATA" --json
if [ -n "$ZONE" ]; then set -- "$@" --zone "$ZONE"; fi
if [ -n "$TOPICS_LISTEN" ]; then set -- "$@" --topics-listen "$TOPICS_LISTEN"; fi

if [ ! -e "$DATA/node.json" ]; then
  if [ "$FOUNDER" = yes ] && [ ! -e "$swarm" ]; then
    $AGENTIC_FLOW swarm init --data "$DATA" --listen "$LISTEN" --advertise "$ADVERTISE" --json > "$swarm.new"
    mv "$swarm.new" "$swarm"
  else
    while [ ! -e "$swarm" ]; do sleep 1; done
    AGENTIC_FLOW_TOKEN=$(field joinToken)
    export AGENTIC_FLOW_TOKEN
    # The node that it joins through may not serve yet.
    until $AGENTIC_FLOW "$@" --prepare --listen "$LISTEN" --advertise "$ADVERTISE" --join "$(field address)"; do
      sleep 2
    done
    unset AGENTIC_FLOW_TOKEN
  fi
fi
exec $AGENTIC_FLOW "$@"
