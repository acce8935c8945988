"""Speed and memory of the engine, as ratios within one run.

    python -m tests.benchmarks.engine           against lme4, statsmodels, gpboost where it is there
    python -m tests.benchmarks.engine --full    the growth table up to ten million rows, not one
    python -m tests.benchmarks.engine --small   without the crossed data and the growth table
    ... --write                                 the tables into CONTRIBUTING.md as well

Every time is the best of several, from formula to standard errors, on the data already in memory.
lme4 runs in one R process that times itself. What is missing on the machine is left out by name.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hlmtools import glmer, lmer, load_dataset

HERE = Path(__file__).resolve().parent
DATA = HERE.parent.parent / "data"
REPETITIONS = 7
HSB = "mAch ~ cses + (cses | school)"
USE = "use ~ urban + age + livch + (1 | district)"
# (model, against): what the table calls it, and the aim
AIMS: dict[tuple[str, str], tuple[str, float | None]] = {
    ("hsb", "lme4"): ("HSB random slopes, REML", 3.0),
    ("hsb", "statsmodels"): ("HSB random slopes, REML", 15.0),
    ("sleepstudy", "lme4"): ("sleepstudy random slopes, REML", 1.0),
    ("agq25", "lme4"): ("Contraception, 25 quadrature points", 10.0),
    ("laplace", "lme4"): ("Contraception, Laplace", None),
    ("laplace", "gpboost"): ("Contraception, Laplace", None),
    ("crossed", "lme4"): ("InstEval, crossed (73,421 rows, 2,972 x 1,128)", 0.5),
}
HEADER = (
    "model",
    "against",
    "theirs",
    "ours",
    "theirs / ours",
    "aim",
    "deviance, theirs less ours",
)
GROWTH_HEADER = ("rows", "processor seconds", "per 10^6 rows", "GiB beyond the data")
MARKS = "<!-- engine benchmark: begin -->", "<!-- engine benchmark: end -->"


def main(arguments: list[str]) -> int:
    """Print both tables, on one core: as fair to R, whose BLAS uses one, as to a busy machine."""
    if os.environ.get("OPENBLAS_NUM_THREADS") != "1":
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "tests.benchmarks.engine", *arguments]
        return subprocess.run(command, env=environment).returncode
    small = "--small" in arguments
    with tempfile.TemporaryDirectory() as scratch:
        lme4 = _lme4(Path(scratch), small)
        ours = _ours(Path(scratch))
    times = {"hlmtools": ours, "lme4": lme4, "statsmodels": _statsmodels(), "gpboost": _gpboost()}
    tables = [[HEADER, *_ratios(times)]]
    if not small:
        tables.append([GROWTH_HEADER, *_growth(7 if "--full" in arguments else 6)])
    for table in tables:
        print(_aligned(table), end="\n\n")
    for rival in (name for name, found in times.items() if not found):
        print(f"{rival} is not installed here: left out.")
    if "--write" in arguments:
        _write("\n".join(_markdown(table) for table in tables))
    return 0


def _aligned(table: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ("  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) for row in table)
    return "\n".join(lines)


def _markdown(table: list[tuple[str, ...]]) -> str:
    head, *rows = ("| " + " | ".join(row) + " |" for row in table)
    return "\n".join([head, "|---" * len(table[0]) + "|", *rows, ""])


def _write(text: str) -> None:
    """Put the tables between their marks in CONTRIBUTING.md."""
    path = HERE.parent.parent / "CONTRIBUTING.md"
    before, _, rest = path.read_text(encoding="utf-8").partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    path.write_text(f"{before}{MARKS[0]}\n{text}{MARKS[1]}{after}", encoding="utf-8", newline="\n")


# ---------------------------------------------------------------- times


def best(function: Callable[[], Any], times: int = REPETITIONS) -> tuple[float, float]:
    """Shortest time in seconds, and the deviance that was found."""
    shortest, fit = np.inf, None
    for _ in range(times):
        begin = time.perf_counter()
        fit = function()
        _ = fit.bse
        shortest = min(shortest, time.perf_counter() - begin)
    return shortest, float(-2.0 * fit.llf)


def _ours(scratch: Path) -> dict[str, tuple[float, float]]:
    hsb, sleep, women = (load_dataset(n) for n in ("hsb", "sleepstudy", "contraception"))
    found = {
        "hsb": best(lambda: lmer(HSB, hsb)),
        "sleepstudy": best(lambda: lmer("Reaction ~ Days + (Days | Subject)", sleep)),
        "agq25": best(lambda: glmer(USE, women, n_agq=25)),
        "laplace": best(lambda: glmer(USE, women)),
    }
    if (scratch / "insteval.csv").exists():
        crossed = pd.read_csv(scratch / "insteval.csv", dtype={"service": str})
        found["crossed"] = best(lambda: lmer("y ~ service + (1 | s) + (1 | d)", crossed), times=1)
    return found


def _lme4(scratch: Path, small: bool) -> dict[str, tuple[float, float]]:
    if not shutil.which("Rscript"):
        return {}
    script = [str(HERE / "engine.R"), str(DATA), str(scratch), str(REPETITIONS), str(int(small))]
    command = ["Rscript", *script]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    stored = json.loads((scratch / "lme4.json").read_text())
    return {key: (entry["seconds"], entry["deviance"]) for key, entry in stored.items()}


def _statsmodels() -> dict[str, tuple[float, float]]:
    import statsmodels.formula.api as smf

    hsb = load_dataset("hsb")

    def fit() -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = smf.mixedlm("mAch ~ cses", hsb, groups="school", re_formula="cses")
            return model.fit(reml=True)

    return {"hsb": best(fit, times=1)}


def _gpboost() -> dict[str, tuple[float, float]]:
    try:
        import gpboost
    except ImportError:
        return {}
    from formulaic import model_matrix

    women = load_dataset("contraception")

    class Fit:
        def __init__(self) -> None:
            X = model_matrix("urban + age + livch", women)
            model = gpboost.GPModel(group_data=women["district"], likelihood="bernoulli_logit")
            model.fit(y=women["use"], X=X, params={"trace": False})
            self.bse, self.llf = (
                model.get_coef(std_err=True),
                -model.get_current_neg_log_likelihood(),
            )

    return {"laplace": best(Fit, times=3)}


def _ratios(times: dict[str, dict[str, tuple[float, float]]]) -> Iterator[tuple[str, ...]]:
    for (model, rival), (label, aim) in AIMS.items():
        if model not in times[rival] or model not in times["hlmtools"]:
            continue
        (theirs, d_theirs), (ours, d_ours) = times[rival][model], times["hlmtools"][model]
        yield (
            label,
            rival,
            f"{theirs * 1e3:.1f} ms",
            f"{ours * 1e3:.1f} ms",
            f"{theirs / ours:.1f}",
            str(aim or "-"),
            f"{d_theirs - d_ours:.6f}",
        )


# ---------------------------------------------------------------- growth

# The kernel's record of the largest memory is set back before the fit (Linux).
_GROWTH = """
import re, sys, time
import numpy as np, pandas as pd
from hlmtools.linear import lmer
def memory(field):
    status = open("/proc/self/status").read()
    return int(re.search(field + r":\\s+(\\d+) kB", status).group(1)) / 2**20
n = int(sys.argv[1])
rng = np.random.default_rng(1)
g = np.sort(rng.integers(0, n // 20, n))
x = rng.standard_normal(n)
zeta = rng.standard_normal((n // 20, 2))
y = 1 + x + zeta[g, 0] + 0.5 * zeta[g, 1] * x + rng.standard_normal(n)
data = pd.DataFrame({"y": y, "x": x, "g": g})
del y, x, zeta, g
lmer("y ~ x + (x | g)", data.head(2000))
open("/proc/self/clear_refs", "w").write("5")
before, begin = memory("VmRSS"), time.process_time()
fit = lmer("y ~ x + (x | g)", data)
fit.bse
print(time.process_time() - begin, memory("VmHWM") - before)
"""


def _growth(largest: int) -> Iterator[tuple[str, ...]]:
    """Processor time and memory of a random slope, 20 rows a cluster, one process a row."""
    for power in range(4, largest + 1):
        n = 10**power
        command = [sys.executable, "-c", _GROWTH, str(n)]
        run = subprocess.run(command, check=True, capture_output=True, text=True)
        seconds, memory = (float(value) for value in run.stdout.split())
        yield f"{n:,}", f"{seconds:.3f}", f"{seconds / n * 1e6:.3f}", f"{memory:.2f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
