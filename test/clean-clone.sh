#!/bin/sh
# Tries what README promises of a fresh clone: `npm start` installs, builds and serves; the next command works; Ctrl-C stops
# it; a warm start is quick. In a folder with a space below one that is closed to others, as this user and, where this is
# root, as an ordinary one. Needs the npm registry and some minutes: run it by hand before a release.
#
#   test/clean-clone.sh [USER]     USER: the ordinary user (default: nobody)
set -eu
source=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
WAIT_SECONDS=600
PORT=${HOLDFAST_CLEAN_CLONE_PORT:-15696}

now() { node -p 'Date.now()'; }

become() { # become USER COMMAND...: with a home and an npm cache of its own; an empty USER is this one
  user=$1
  shift
  if [ -z "$user" ]; then exec "$@"; else
    exec setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups \
      env -i PATH="$PATH" HOME="$parent" npm_config_cache="$parent/.npm" "$@"
  fi
}
as() { (become "$@"); }

serve() { # serve USER: runs npm start until it serves; sets pid and tells how long it took
  begin=$(now)
  (become "$1" npm start -- --listen "127.0.0.1:$PORT") >"$parent/out" 2>"$parent/err" &
  pid=$!
  until [ -S data/admin.sock ] && as "$1" node packages/cli/bin/holdfast.js status >/dev/null 2>&1; do
    kill -0 "$pid" 2>/dev/null || { cat "$parent/err" >&2; echo "npm start ended" >&2; exit 1; }
    [ $(($(now) - begin)) -lt $((WAIT_SECONDS * 1000)) ] || { echo "npm start does not serve" >&2; exit 1; }
    sleep 0.05
  done
  echo "$2: serves after $(($(now) - begin)) ms"
}

stop() { # the npm that was started, and with it the server
  kill -TERM "$pid"
  wait "$pid" || { echo "npm start ended with $?" >&2; exit 1; }
  [ ! -S data/admin.sock ] || { echo "the server did not stop in order" >&2; exit 1; }
}

try() { # try USER NAME
  parent="$work/$2"
  mkdir "$parent"
  git clone --quiet --no-hardlinks "$source" "$parent/hold fast"
  if [ -n "$1" ]; then chown -R "$1" "$parent"; fi
  chmod 700 "$parent"
  cd "$parent/hold fast"
  serve "$1" "$2, cold"
  export KMIP_SERVER="127.0.0.1:$PORT" KMIP_CERT=data/client/cert.pem KMIP_KEY=data/client/key.pem KMIP_CA=data/client/ca.pem
  npx kmip create --algorithm AES --length 256 --name my-first-key >/dev/null
  npx kmip locate --name my-first-key | grep -q . || { echo "the key is not found" >&2; exit 1; }
  as "$1" npm start -- --listen 127.0.0.1:0 >/dev/null 2>"$parent/second" && exit 1
  grep -q 'running on this data folder' "$parent/second" || { cat "$parent/second" >&2; exit 1; }
  stop
  for _ in 1 2 3; do
    serve "$1" "$2, warm"
    stop
  done
  begin=$(now)
  (become "$1" node packages/cli/bin/holdfast.js serve --listen "127.0.0.1:$PORT") 2>/dev/null &
  pid=$!
  as "$1" node packages/cli/bin/holdfast.js status --wait 30 >/dev/null
  echo "$2, holdfast serve itself: serves after $(($(now) - begin)) ms"
  stop
  cd "$source"
}

try '' this-user
if [ "$(id -u)" = 0 ]; then try "${1:-nobody}" ordinary-user; fi
echo "All of it works."
