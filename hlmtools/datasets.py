"""The course's data sets: each file is checked against its checksum before it is used."""

from __future__ import annotations

import hashlib
import tomllib
from difflib import get_close_matches
from functools import cache
from io import BytesIO
from pathlib import Path

import pandas as pd

_PACKAGE = Path(__file__).resolve().parent


def load_dataset(name: str) -> pd.DataFrame:
    """Load a data set of the course by its name.

    Cluster labels are text, so that nobody takes a mean of school numbers; factors are
    categories in the order of the source, whose first level is the reference in a regression.
    What each variable means, and its unit, stands on the card ``data/<name>.md``.

    Parameters
    ----------
    name
        Name of the set, such as ``"hsb"``; `dataset_names` lists them.

    Returns
    -------
    A table of your own: changing it does not change what the next call returns.

    Raises
    ------
    ValueError
        If no set has that name, or if its file is not the one that was registered.
    FileNotFoundError
        If the set is registered and its file is not here.

    Examples
    --------
    >>> dyestuff = load_dataset("dyestuff")
    >>> dyestuff.shape, float(dyestuff["Yield"].mean())
    ((30, 2), 1527.5)
    """
    return _load(name).copy(deep=True)


def dataset_names() -> list[str]:
    """Names of the data sets whose files are here, sorted.

    Examples
    --------
    >>> "dyestuff" in dataset_names()
    True
    """
    folder = _data_folder()
    return sorted(name for name, entry in _registry().items() if (folder / entry["file"]).exists())


@cache
def _load(name: str) -> pd.DataFrame:
    entry = _entry(name)
    return _typed(_read_checked(name, entry), entry)


def _entry(name: str) -> dict:
    """What the registry says about one set."""
    registry = _registry()
    if name in registry:
        return registry[name]
    close = get_close_matches(str(name), registry, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise ValueError(
        f"There is no data set {name!r}.{hint} The known ones are {', '.join(sorted(registry))}."
    )


def _read_checked(name: str, entry: dict) -> bytes:
    """Content of the file, once its sha256 is seen to be the registered one."""
    path = _data_folder() / entry["file"]
    if not path.exists():
        raise FileNotFoundError(
            f"The data set {name!r} exists, but its file {entry['file']} is not in the folder "
            f"{path.parent.name}/ here. The sets in it are {', '.join(dataset_names())}."
        )
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != entry["sha256"]:
        raise ValueError(
            f"The file {path.parent.name}/{entry['file']} has changed since it was given out "
            "(a spreadsheet program may have saved it). Put the original back: unzip the "
            "assignment again and copy its data folder."
        )
    return content


def _typed(content: bytes, entry: dict) -> pd.DataFrame:
    """Labels as text, factors as categories with their registered levels, numbers as they are."""
    factors: dict[str, list[str]] = entry.get("factors", {})
    text_columns = dict.fromkeys([*entry["text"], *factors], str)
    data = pd.read_csv(BytesIO(content), dtype=text_columns)
    return data.astype({column: pd.CategoricalDtype(levels) for column, levels in factors.items()})


@cache
def _registry() -> dict[str, dict]:
    return tomllib.loads((_data_folder() / "registry.toml").read_text(encoding="utf-8"))


def _data_folder() -> Path:
    """Inside an installed package, else beside it (repository and student archive)."""
    for folder in (_PACKAGE / "data", _PACKAGE.parent / "data"):
        if (folder / "registry.toml").exists():
            return folder
    raise FileNotFoundError(
        "The folder data/ with registry.toml is neither in the package hlmtools nor beside it. "
        "Unzip the whole assignment, and open the notebook in its own folder."
    )
