"""Bring the files of references up to date.

    python -m autograder.references [NAME ...]        values of slips again, from the fits as stored
    python -m autograder.references --r [NAME ...]    fit again in R first, where Rscript is there
    python -m autograder.references --check           change nothing; exit 1 where a file is stale

A file is rewritten only where something changed beyond its tolerance.
A stored number that R no longer gives is a finding (exit 1); `--accept` takes the new one.
Without a NAME: every homework and every R script of this folder.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from autograder import course, references
from autograder.references.assemble import AssemblyError, quantities

_DEVIANCES = ("criterion", "deviance", "llf", "loglik", "lrt", "aic", "bic")
_RECIPE = ("call", "data", "sha256", "reml", "converged", "singular")


@click.command(help=__doc__.replace("\n\n    python", "\n\n\b\n    python") if __doc__ else None)
@click.argument("names", nargs=-1)
@click.option("--r", "use_r", is_flag=True, help="Fit again in R, where Rscript is there.")
@click.option("--accept", is_flag=True, help="Take numbers of R that differ from the stored ones.")
@click.option("--check", is_flag=True, help="Change nothing; exit 1 where a file is stale.")
def main(names: tuple[str, ...], use_r: bool, accept: bool, check: bool) -> None:
    """Update the named files, and exit 1 where one has a finding."""
    if use_r and not shutil.which("Rscript"):
        click.echo("Rscript is not here: the fits stay as they are stored.")
        use_r = False
    findings = 0
    for name in names or known_names():
        try:
            findings += not update(name, use_r, accept, check)
        except (AssemblyError, course.CourseError, FileNotFoundError) as error:
            click.echo(f"{name}: {error}")
            findings += 1
        except subprocess.CalledProcessError:
            click.echo(f"{name}: R stopped in {name}.R; it says above why.")
            findings += 1
    sys.exit(1 if findings else 0)


def known_names() -> list[str]:
    """Every R script of the folder but the shared part, by its stem."""
    return sorted(script.stem for script in references.HERE.glob("*.R") if script.stem != "record")


def update(name: str, use_r: bool, accept: bool, check: bool) -> bool:
    """Bring one file up to date; False where it has a finding."""
    stored = _stored(name)
    fitted = _fit_in_r(name) if use_r else stored
    if "fits" not in fitted:
        raise FileNotFoundError(f"no fits are stored; run with --r on a machine with R ({name}.R).")
    changes = list(differences(stored.get("fits", {}), fitted["fits"]))
    changes += stale_data(fitted["fits"])
    if changes and not accept:
        click.echo(f"{name}: " + f"\n{name}: ".join(changes))
        return False
    new = dict(fitted)
    if _is_homework(name):
        new["quantities"] = quantities(name, fitted)
    return _write(name, stored, settled(stored, new), check)


def differences(stored: dict[str, Any], fitted: dict[str, Any]) -> Iterator[str]:
    """What R says otherwise than the stored fits, one sentence each; additions are none."""
    for key in (key for key in fitted if key in stored):
        old, new = stored[key], fitted[key]
        for field in _RECIPE:
            if old.get(field) != new.get(field):
                yield f"{key}: {field} was {old.get(field)!r} and is {new.get(field)!r}."
        numbers = old["numbers"].keys() & new["numbers"].keys()
        for number in sorted(numbers):
            before, now = old["numbers"][number], new["numbers"][number]
            if not _same(number, before, now):
                yield f"{key}.{number} was {before!r} and is {now!r}."


def stale_data(fits: dict[str, Any]) -> list[str]:
    """Fits whose data set has another sha256 by now."""
    registry = tomllib.loads((course.ROOT / "data" / "registry.toml").read_text(encoding="utf-8"))
    return [
        f"{key}: data set {fit['data']!r} has changed since; fit again with --r."
        for key, fit in fits.items()
        if registry[fit["data"]]["sha256"] != fit["sha256"]
    ]


def settled(stored: Any, new: Any, name: str = "") -> Any:
    """The new document, with each stored number kept where the new one is the same.

    Examples
    --------
    >>> settled({"psi": 8.6, "n": 3}, {"psi": 8.6 + 1e-9, "n": 4, "icc": 0.2})
    {'psi': 8.6, 'n': 4, 'icc': 0.2}
    """
    if isinstance(new, dict) and isinstance(stored, dict):
        settled_items = {key: settled(stored.get(key), new[key], key) for key in new}
        if "fits" in new and settled_items["fits"] == stored.get("fits"):
            settled_items["provenance"] = stored["provenance"]
        return settled_items
    if isinstance(new, list) and isinstance(stored, list) and len(new) == len(stored):
        return [settled(old, each, name) for old, each in zip(stored, new, strict=True)]
    return stored if _same(name, stored, new) else new


def _same(name: str, stored: Any, new: Any) -> bool:
    if not all(isinstance(each, (int, float)) for each in (stored, new)):
        return stored == new
    kind = "deviance" if name.startswith(_DEVIANCES) and not name.endswith("_p") else "refit"
    return abs(new - stored) <= references.tolerances()[kind].width(stored)


def _fit_in_r(name: str) -> dict[str, Any]:
    """Run NAME.R in its own folder; it writes the file that it is given."""
    script = references.HERE / f"{name}.R"
    if not script.exists():
        raise FileNotFoundError(f"there is no {script.name} in autograder/references.")
    with tempfile.TemporaryDirectory() as scratch:
        made = Path(scratch) / f"{name}.json"
        subprocess.run(["Rscript", script.name, str(made)], cwd=references.HERE, check=True)
        return json.loads(made.read_text(encoding="utf-8"))


def _stored(name: str) -> dict[str, Any]:
    path = references.HERE / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _is_homework(name: str) -> bool:
    return name in {homework.id for homework in course.load().homeworks}


def _write(name: str, stored: dict[str, Any], new: dict[str, Any], check: bool) -> bool:
    if new == stored:
        click.echo(f"{name}: up to date.")
        return True
    if check:
        click.echo(f"{name}: stale; run `python -m autograder.references {name}`.")
        return False
    path = references.HERE / f"{name}.json"
    text = json.dumps(new, indent=1, ensure_ascii=False) + "\n"
    path.write_text(text, encoding="utf-8", newline="\n")
    click.echo(f"{name}: written.")
    return True


if __name__ == "__main__":
    main()
