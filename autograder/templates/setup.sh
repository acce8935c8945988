#!/usr/bin/env bash
# Prepares Gradescope's container: Python, its packages, and the sandbox for student code.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y --no-install-recommends bubblewrap python3 python3-venv
python=python3
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    apt-get install -y --no-install-recommends python3.11 python3.11-venv
    python=python3.11
fi
"$python" -m venv /autograder/venv
/autograder/venv/bin/python -m pip install --compile --require-hashes \
    -r /autograder/source/requirements.txt
chmod -R go= /autograder/source
