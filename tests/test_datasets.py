"""Data sets: checksums, kinds of columns, cards, and what the loader says when it cannot."""

from __future__ import annotations

import doctest
import importlib.util
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from autograder.course import ROOT
from hlmtools import dataset_names, datasets, load_dataset

SHAPES = {
    "hsb": (7185, "school", 160, 14, 67),
    "hsb_original": (7185, "School", 160, 14, 67),
    "dyestuff": (30, "Batch", 6, 5, 5),
    "dyestuff2": (30, "Batch", 6, 5, 5),
    "rail": (18, "Rail", 6, 3, 3),
    "bdf": (2287, "schoolNR", 131, 4, 35),
}


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A package folder of its own with the data beside it; the caches are emptied around it."""
    shutil.copytree(ROOT / "data", tmp_path / "data", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "hlmtools").mkdir()
    _forget()
    monkeypatch.setattr(datasets, "_PACKAGE", tmp_path / "hlmtools")
    yield tmp_path
    _forget()


def _forget() -> None:
    datasets._load.cache_clear()
    datasets._registry.cache_clear()


@pytest.mark.parametrize("name", SHAPES)
def test_rows_and_clusters(name):
    rows, cluster, clusters, smallest, largest = SHAPES[name]
    data = load_dataset(name)
    sizes = data.groupby(cluster).size()
    assert (len(data), len(sizes), sizes.min(), sizes.max()) == (rows, clusters, smallest, largest)
    assert not data.isna().any(axis=None)
    assert all(isinstance(label, str) for label in data[cluster])


def test_labels_are_text_factors_are_categories_in_rs_order_and_numbers_are_numbers():
    hsb, bdf = load_dataset("hsb"), load_dataset("bdf")
    assert list(hsb["sector"].cat.categories) == ["Public", "Catholic"]
    assert list(hsb["sx"].cat.categories) == ["Male", "Female"]
    assert list(bdf["sex"].cat.categories) == ["0", "1"]
    assert not isinstance(hsb["school"].dtype, pd.CategoricalDtype)
    for column in ("ses", "mAch", "meanses", "cses"):
        assert hsb[column].dtype == float
    assert (load_dataset("hsb_original")["School"] == hsb["school"]).all()


def test_school_labels_do_not_give_the_ranking_away():
    hsb = load_dataset("hsb")
    means = hsb.groupby("school", sort=False)["mAch"].mean()
    order = np.corrcoef(np.arange(len(means)), means.rank())[0, 1]
    assert abs(order) < 0.3


def test_hsb_holds_its_own_identities():
    hsb = load_dataset("hsb")
    school_mean = hsb.groupby("school")["ses"].transform("mean")
    assert np.abs(hsb["meanses"] - school_mean).max() < 1e-12
    assert np.abs(hsb["ses"] - hsb["meanses"] - hsb["cses"]).max() < 1e-12
    difference = (load_dataset("hsb_original")["MEANSES"] - hsb["meanses"]).abs().max()
    assert 0.006 < difference < 0.0066


def test_each_call_gives_a_table_of_ones_own():
    first = load_dataset("dyestuff")
    first.loc[:, "Yield"] = 0
    first["more"] = 1
    assert load_dataset("dyestuff")["Yield"].mean() == 1527.5
    assert list(load_dataset("dyestuff").columns) == ["Batch", "Yield"]


def test_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match=r"no data set 'hbs'. Did you mean 'hsb'\?.*dyestuff2"):
        load_dataset("hbs")


def test_changed_file_is_refused(folder):
    path = folder / "data" / "rail.csv"
    path.write_text(path.read_text().replace("55", "56", 1))
    with pytest.raises(ValueError, match=r"data/rail.csv has changed"):
        load_dataset("rail")
    path.write_bytes((ROOT / "data" / "rail.csv").read_bytes().replace(b"\n", b"\r\n"))
    with pytest.raises(ValueError, match="spreadsheet"):
        load_dataset("rail")


def test_set_that_was_not_shipped_is_named(folder):
    (folder / "data" / "bdf.csv").unlink()
    assert "bdf" not in dataset_names()
    with pytest.raises(FileNotFoundError, match=r"'bdf' exists, but its file bdf.csv is not"):
        load_dataset("bdf")


def test_installed_wheel_finds_the_data_inside_the_package(folder):
    shutil.move(folder / "data", folder / "hlmtools" / "data")
    assert load_dataset("rail").shape == (18, 2)


def test_inside_the_package_comes_first(folder):
    shutil.copytree(folder / "data", folder / "hlmtools" / "data")
    (folder / "data" / "rail.csv").unlink()
    assert load_dataset("rail").shape == (18, 2)


def test_no_data_folder_is_explained(folder):
    shutil.rmtree(folder / "data")
    with pytest.raises(FileNotFoundError, match="Unzip the whole assignment"):
        load_dataset("rail")


def test_registry_is_up_to_date():
    spec = importlib.util.spec_from_file_location("register", ROOT / "data" / "register.py")
    register = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(register)
    assert register.stale_files() == []
    assert set(SHAPES) <= set(dataset_names())
    registered = {entry["file"] for entry in datasets._registry().values()}
    assert {path.name for path in (ROOT / "data").glob("*.csv")} == registered


@pytest.mark.parametrize("name", dataset_names())
def test_card_says_what_is_in_the_file(name):
    card = (ROOT / "data" / f"{name}.md").read_text(encoding="utf-8")
    data, entry = load_dataset(name), datasets._registry()[name]
    assert len(data) == entry["rows"]
    for word in ("Source", "Licence", "Level 1", "Level 2", "Missing values", "Used in"):
        assert f"| {word} |" in card
    assert entry["licence"] in card.replace("\\|", "|")
    assert entry["source"].split("::")[1].split(",")[0].split(" ")[0] in card
    assert "## What was changed" in card
    described = set(re.findall(r"^\| `(\w+)` \|", card, flags=re.M))
    assert described == set(data.columns)
    assert str(len(data)) in card
    for label in entry["text"][:1]:
        assert str(data[label].nunique()) in card


def test_docstring_examples_run():
    result = doctest.testmod(datasets)
    assert result.attempted >= 3
    assert result.failed == 0
