#!/usr/bin/env bash
# Prepares Gradescope's container: Python 3.11 or newer, its packages, the sandbox for student code.
# Everything comes from the base image's own distribution and from the package index that pip uses.
# Ubuntu 22.04: its python3 is 3.10, python3.11 is in its section universe. Ubuntu 20.04 has none.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y --no-install-recommends ca-certificates python3 python3-venv
apt-get install -y --no-install-recommends bubblewrap || echo "No bubblewrap: another user it is."
python=python3
if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    python=
    for version in 3.13 3.12 3.11; do
        if apt-get install -y --no-install-recommends "python$version" "python$version-venv"; then
            python=python$version
            break
        fi
    done
    if [ -z "$python" ]; then
        echo "This base image has no Python 3.11. Choose Ubuntu 22.04 or newer on Gradescope." >&2
        exit 1
    fi
fi
"$python" -m venv /autograder/venv
pip() { /autograder/venv/bin/python -m pip "$@"; }
pip install --compile --require-hashes -r /autograder/source/requirements.txt
pip install --no-deps --no-build-isolation --editable /autograder/source
# students' code runs as another user: it may use Python and the untrusted worker, nothing else
chmod -R go=rX /autograder/venv
chmod -R go= /autograder/source
chmod go=x /autograder/source /autograder/source/autograder
chmod go=r /autograder/source/autograder/{worker,wire,forker,beside}.py
# fonts are looked for now and not at each submission
/autograder/venv/bin/python -c 'import matplotlib.font_manager'
