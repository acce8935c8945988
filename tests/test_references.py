"""References and slips: where the numbers come from, and that every slip can be told."""

from __future__ import annotations

import doctest
import inspect
import json
import re
import shutil
import tomllib
from dataclasses import replace

import pytest

from autograder import course, expect, references, slips
from autograder.references import __main__ as command
from autograder.references import assemble
from hlmtools.check import SlipRecognised

HOMEWORKS = [homework.id for homework in course.load().homeworks]
EVERY_SLIP = [
    pytest.param(hw, quantity, slip, id=f"{quantity.key}-{slip.name}")
    for hw in HOMEWORKS
    for quantity in slips.load(hw).QUANTITIES
    for slip in quantity.slips
]

# published or computed elsewhere: fit, number, value as printed, half a unit of its last digit
PUBLISHED = [
    ("hsb_null_reml", "beta", 12.636974, 5e-7),
    ("hsb_null_reml", "se", 0.244394, 5e-7),
    ("hsb_null_reml", "psi", 8.614025, 5e-7),
    ("hsb_null_reml", "sigma2", 39.148322, 5e-7),
    ("hsb_null_reml", "icc", 0.180352, 5e-7),
    ("hsb_null_reml", "criterion", 47116.79348, 5e-6),
    ("hsb_null_reml", "mean_reliability", 0.901377, 5e-7),
    ("hsb_null_reml", "eb_8367", -6.103012, 5e-7),
    ("hsb_null_reml", "post_var_8367", 2.111023, 5e-7),
    ("hsb_null_reml", "post_var_plus_beta_8367", 2.114610, 5e-7),
    ("hsb_null_reml", "eb_2305", -1.403979, 1e-6),
    ("hsb_null_ml", "psi", 8.553464, 5e-7),
    ("hsb_null_ml", "criterion", 47115.81022, 5e-6),
    ("hsb_null_ml", "se", 0.243617, 5e-7),
    ("hsb_null_ml", "lrt", 983.9218, 5e-5),
    ("hsb_anova", "psi", 8.222442, 5e-7),
    ("hsb_anova", "n0", 44.88669, 5e-6),
    ("dyestuff_null_reml", "criterion", 319.654276842, 5e-9),
    ("dyestuff_null_ml", "criterion", 327.327059881, 5e-9),
    ("dyestuff_null_ml", "psi", 1388.3333, 1e-4),
    ("dyestuff_null_ml", "lrt_p", 0.010052, 5e-7),
    ("dyestuff2_anova", "psi", -1.32191, 5e-6),
    ("dyestuff2_null_reml", "sigma2", 13.80631, 5e-6),
    ("dyestuff2_null_ml", "sigma2", 13.346099, 5e-7),
    ("dyestuff2_null_ml", "sd_between_high", 2.08, 5e-3),
    ("rail_null_reml", "criterion", 122.1770, 5e-5),
    ("rail_null_ml", "psi", 511.8611, 1e-4),
    ("bdf_null_ml", "beta", 40.36409, 5e-6),
    ("bdf_null_ml", "se", 0.426363, 5e-7),
    ("bdf_null_ml", "se_joint", 0.427156, 5e-7),
    ("bdf_null_ml", "icc", 0.2313022, 3e-7),
    ("bdf_null_ml", "llf", -8126.6092, 5e-5),
    ("bdf_null_ml", "lrt", 287.98, 5e-3),
]


@pytest.fixture
def own_folder(tmp_path, monkeypatch):
    """The references in a folder of their own, so that a test may rewrite them."""
    for path in references.HERE.glob("hw1.*"):
        shutil.copy(path, tmp_path)
    monkeypatch.setattr(references, "HERE", tmp_path)
    # the slips' values are worked out in the tests above
    stored = json.loads((tmp_path / "hw1.json").read_bytes())["quantities"]
    monkeypatch.setattr(command, "quantities", lambda hw, reference: stored)
    return tmp_path


def _fake_fit(**changes):
    fit = json.loads(json.dumps(references.load("hw1")["fits"]["hsb_null_reml"]))
    fit["numbers"].update(changes.pop("numbers", {}))
    return {"hsb_null_reml": {**fit, **changes}}


# ---------------------------------------------------------------------------------- the fits


@pytest.mark.parametrize("hw", HOMEWORKS)
def test_provenance_is_complete_and_every_fit_is_sound(hw):
    stored = references.load(hw)
    assert {"R", "lme4", "date", "script"} <= stored["provenance"].keys()
    assert (references.HERE / stored["provenance"]["script"]).exists()
    registry = tomllib.loads((course.ROOT / "data" / "registry.toml").read_text(encoding="utf-8"))
    for fit in stored["fits"].values():
        assert fit["call"]
        assert fit["optimizer"]
        assert fit["sha256"] == registry[fit["data"]]["sha256"]
        assert fit["converged"] is True
        assert all(type(number) in (int, float) for number in fit["numbers"].values())


def test_only_dyestuff2_is_singular():
    fits = references.load("hw1")["fits"]
    singular = {key for key, fit in fits.items() if fit["singular"]}
    assert singular == {"dyestuff2_null_reml", "dyestuff2_null_ml"}


@pytest.mark.parametrize(("fit", "number", "value", "half_a_digit"), PUBLISHED)
def test_fits_agree_with_what_is_published(fit, number, value, half_a_digit):
    found = references.number(references.load("hw1"), f"{fit}.{number}")
    assert found == pytest.approx(value, abs=1.02 * half_a_digit)


def test_fits_agree_with_each_other():
    fits = {key: fit["numbers"] for key, fit in references.load("hw1")["fits"].items()}
    for numbers in (fit for key, fit in fits.items() if "_null_" in key):
        total = numbers["psi"] + numbers["sigma2"]
        assert numbers["icc"] == pytest.approx(numbers["psi"] / total, rel=1e-9)
        assert numbers["llf"] == pytest.approx(-numbers["criterion"] / 2, rel=1e-10)
    gain = fits["hsb_pooled"]["criterion_ml"] - fits["hsb_null_ml"]["criterion"]
    assert gain == pytest.approx(fits["hsb_null_ml"]["lrt"], abs=1e-6)


# --------------------------------------------------------------------------- the quantities


def test_there_is_enough_to_check():
    entries = references.load("hw1")["quantities"]
    listed = [slip for quantity in slips.load("hw1").QUANTITIES for slip in quantity.slips]
    assert len(entries) >= 12
    assert len(listed) >= 20
    assert {type(slip.code) for slip in listed} == {slips.WrongFunction, slips.WrongAnswer}
    assert {entry["task"] for entry in entries.values()} == {f"1.{k}" for k in range(1, 9)}
    functions = {s.code.function for s in listed if isinstance(s.code, slips.WrongFunction)}
    assert functions == {
        "cluster_stats",
        "anova_components",
        "vc_deviance",
        "fit_vc",
        "icc",
        "reliability",
        "eb_predict",
        "lrt_psi",
        "coverage_range",
    }


@pytest.mark.parametrize("hw", HOMEWORKS)
def test_stored_quantities_are_those_of_the_masters(hw, capsys):
    assert command.update(hw, use_r=False, accept=False, check=True), capsys.readouterr().out


def test_keys_are_unique_over_all_homeworks():
    keys = [quantity.key for hw in HOMEWORKS for quantity in slips.load(hw).QUANTITIES]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("hw", HOMEWORKS)
def test_candidates_lie_more_than_five_tolerances_apart(hw):
    for key, entry in references.load(hw)["quantities"].items():
        width = references.tolerances()[entry["tolerance"]].width
        right = [entry["value"], *(other["value"] for other in entry["also_right"])]
        wrong = [slip["value"] for slip in entry["slips"]]
        for i, value in enumerate(wrong):
            for other in right + wrong[:i]:
                assert abs(value - other) > 5 * max(width(value), width(other)), key


@pytest.mark.parametrize(("hw", "quantity", "slip"), EVERY_SLIP)
def test_slip_gives_its_value_and_earns_its_sentence(hw, quantity, slip):
    value = assemble.slip_value(hw, quantity, slip)
    entry = references.load(hw)["quantities"][quantity.key]
    stored = next(each for each in entry["slips"] if each["name"] == slip.name)
    assert abs(value - stored["value"]) <= references.tolerances()["refit"].width(value)
    with expect.judging(course.homework(hw)):
        with pytest.raises(SlipRecognised) as recognised:
            expect.quantity(quantity.key, value)
        assert slip.says in str(recognised.value)
        expect.quantity(quantity.key, entry["value"])


@pytest.mark.parametrize("hw", HOMEWORKS)
def test_solution_and_other_right_values_count_as_right(hw):
    answers = assemble.Answers(hw)
    with expect.judging(course.homework(hw)):
        for quantity in slips.load(hw).QUANTITIES:
            expect.quantity(quantity.key, float(answers.value(quantity.expression)))
            for other in references.load(hw)["quantities"][quantity.key]["also_right"]:
                expect.quantity(quantity.key, other["value"])


@pytest.mark.parametrize(("hw", "quantity", "slip"), EVERY_SLIP)
def test_sentence_teaches_and_gives_nothing_away(hw, quantity, slip):
    names = ("msb", "cov_re", "statsmodels", "log_det", "sigma2", "pi^2/6", "exp(psi)")
    assert slip.says[0].isupper() or slip.says.split()[0] in names
    assert slip.says.endswith(".")
    assert 40 < len(slip.says) < 200
    assert re.fullmatch(r"[a-z][a-z0-9_]*", slip.name)
    for entry in references.load(hw)["quantities"].values():
        for number in re.findall(r"\d+\.\d+", slip.says):
            assert float(number) != pytest.approx(entry["value"], rel=1e-2)
    notes = course.ROOT / "assignments" / course.homework(hw).folder / "notes.md"
    section = slip.see.removeprefix("notes ")
    assert re.search(rf"^#+ {re.escape(section)}\b", notes.read_text(encoding="utf-8"), re.M)


@pytest.mark.parametrize(("hw", "quantity", "slip"), EVERY_SLIP)
def test_wrong_function_can_stand_in_the_students_module(hw, quantity, slip):
    if not isinstance(slip.code, slips.WrongFunction):
        assert compile(slip.code.statement, "<statement>", "exec")
        return
    text = slip.code.text
    assert "SOLUTION" not in text
    right = assemble.student_functions(hw)
    wrong = assemble.student_functions(hw, slip.code)
    name = slip.code.function
    assert inspect.signature(wrong[name]) == inspect.signature(right[name])
    assert wrong[name].__code__.co_code != right[name].__code__.co_code or (
        wrong[name].__code__.co_consts != right[name].__code__.co_consts
    )


# ----------------------------------------------------------------------------- what is refused


def _with_quantity(monkeypatch, **changes):
    module = slips.load("hw1")
    quantity = next(each for each in module.QUANTITIES if each.key == "hsb_psi")
    monkeypatch.setattr(module, "QUANTITIES", (replace(quantity, **changes),))


def test_slip_too_near_to_the_right_value_is_refused(monkeypatch):
    near = slips.Slip("near", "Nearly.", "notes 1.4", slips.WrongAnswer("hsb_psi *= 1.0004"))
    _with_quantity(monkeypatch, slips=(near,))
    with pytest.raises(assemble.AssemblyError, match=r"hsb_psi: the right value .* near .* told"):
        assemble.quantities("hw1", references.load("hw1"))


def test_two_slips_with_one_value_are_refused(monkeypatch):
    code = slips.WrongAnswer("hsb_psi = 3.0")
    both = tuple(slips.Slip(name, "It is wrong.", "notes 1.4", code) for name in ("one", "two"))
    _with_quantity(monkeypatch, slips=both)
    with pytest.raises(assemble.AssemblyError, match=r"one .* and two .* cannot be told apart"):
        assemble.quantities("hw1", references.load("hw1"))


def test_solution_that_misses_the_reference_is_refused(monkeypatch):
    _with_quantity(monkeypatch, expression="hsb_psi * 1.001")
    with pytest.raises(assemble.AssemblyError, match="One of the two is wrong"):
        assemble.quantities("hw1", references.load("hw1"))


def test_key_given_twice_is_refused(monkeypatch):
    module = slips.load("hw1")
    monkeypatch.setattr(module, "QUANTITIES", module.QUANTITIES[:1] * 2)
    with pytest.raises(assemble.AssemblyError, match="twice"):
        assemble.quantities("hw1", references.load("hw1"))


def test_unknown_number_and_unknown_file_are_named():
    with pytest.raises(KeyError, match=r"no number 'hsb_null_reml\.tau'"):
        references.number(references.load("hw1"), "hsb_null_reml.tau")
    with pytest.raises(FileNotFoundError, match=r"no references 'hw0'; there are: .*hw1"):
        references.load("hw0")


def test_slip_that_changes_nothing_is_refused():
    solved = assemble.student_functions("hw1")["icc"]
    with pytest.raises(ValueError, match="stands there once"):
        slips.changed(inspect.unwrap(slips.load("hw1").icc), ("no such code", ""))
    assert solved(1.0, 3.0) == 0.25


# -------------------------------------------------------------------------------- the command


def test_difference_beyond_tolerance_is_reported():
    stored = _fake_fit()
    psi, criterion = (stored["hsb_null_reml"]["numbers"][each] for each in ("psi", "criterion"))
    same = _fake_fit(numbers={"psi": psi * (1 + 1e-6), "criterion": criterion + 5e-5})
    assert list(command.differences(stored, same)) == []
    other = _fake_fit(numbers={"psi": psi * 1.0001, "criterion": criterion + 2e-4}, singular=True)
    found = "\n".join(command.differences(stored, other))
    for what in ("hsb_null_reml.psi was", "hsb_null_reml.criterion was", "singular was False"):
        assert what in found
    assert list(command.differences({}, other)) == []


def test_fit_of_other_data_is_reported():
    assert command.stale_data(_fake_fit()) == []
    assert "data set 'hsb' has changed" in command.stale_data(_fake_fit(sha256="0" * 64))[0]


def test_file_is_left_alone_where_nothing_changed(own_folder, monkeypatch):
    path = own_folder / "hw1.json"
    before = path.read_bytes()
    monkeypatch.setattr(command, "_fit_in_r", lambda name: _refitted(before, 1e-7))
    assert command.update("hw1", use_r=True, accept=False, check=False)
    assert path.read_bytes() == before


def test_changed_number_is_a_finding_until_it_is_accepted(own_folder, monkeypatch, capsys):
    path = own_folder / "hw1.json"
    before = path.read_bytes()
    monkeypatch.setattr(command, "_fit_in_r", lambda name: _refitted(before, 2e-5))
    assert not command.update("hw1", use_r=True, accept=False, check=False)
    assert path.read_bytes() == before
    assert "hsb_null_reml.psi was" in capsys.readouterr().out
    assert not command.update("hw1", use_r=True, accept=True, check=True)
    assert command.update("hw1", use_r=True, accept=True, check=False)
    assert json.loads(path.read_bytes())["provenance"]["date"] == "2000-01-01"


def _refitted(stored: bytes, relative: float) -> dict:
    """What R might say on another day: psi of the HSB null model a little larger."""
    fresh = json.loads(stored)
    del fresh["quantities"]
    fresh["provenance"]["date"] = "2000-01-01"
    fresh["fits"]["hsb_null_reml"]["numbers"]["psi"] *= 1 + relative
    return fresh


@pytest.mark.long
@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not here")
@pytest.mark.parametrize("hw", HOMEWORKS)
def test_r_still_gives_the_stored_numbers(hw):
    assert command.update(hw, use_r=True, accept=False, check=True)


# --------------------------------------------------------------------------------- tolerances


def test_every_class_has_a_reason_and_a_width():
    for name, tolerance in references.tolerances().items():
        assert tolerance.name == name
        assert len(tolerance.reason) > 40
        assert tolerance.width(0.0) > 0
        assert tolerance.width(-100.0) == tolerance.width(100.0)
    width = {name: tolerance.width for name, tolerance in references.tolerances().items()}
    assert width["closed_form"](100.0) == pytest.approx(1e-6)
    assert width["deviance"](47116.79) == pytest.approx(1e-4)
    assert width["variance_component"](8.614) == pytest.approx(8.614e-4)
    beta, se = (
        references.load("hw1")["fits"]["hsb_null_reml"]["numbers"][k] for k in ("beta", "se")
    )
    assert width["fixed_effect"](beta) == pytest.approx(1e-4 * se, rel=0.1)


@pytest.mark.parametrize("module", [references, assemble, command])
def test_docstring_examples_run(module):
    result = doctest.testmod(module)
    assert result.attempted >= 1
    assert result.failed == 0
