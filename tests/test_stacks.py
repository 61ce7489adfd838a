"""`tools/stacks`, which compares two stacks, without the other one."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

from tools.stacks import compare, crossing, environments, record, short

ROOT = pathlib.Path(__file__).resolve().parents[1]


def arrays(**changes):
    """A file of one array of each kind."""
    found = {
        "versions": np.array("TensorFlow"),
        "equations/sharpen-0/0": np.array([0.25, 0.75], np.float32),
        "copies/split": np.array("abc"),
        "batches/t/m/30/x": np.array([1.0, 2.0], np.float32),
        "start/t/m/network": np.zeros(4, np.float32),
        "losses/t/m": np.array([[2.0], [1.0]]),
        "end/t/m/network": np.full(4, 0.5, np.float32),
    }
    found.update({name.replace("__", "/"): value for name, value in changes.items()})
    return found


def wrong(other, one=None):
    return compare.compare(one or arrays(), other)[1]


def test_the_same_is_the_same():
    summary, far = compare.compare(arrays(), arrays())
    assert len(summary) == 6 and not far
    assert all("1 of 1 the same to the bit" in line for line in summary)


@pytest.mark.parametrize("name", ["batches/t/m/30/x", "start/t/m/network"])
def test_inputs_must_be_the_same_to_the_bit(name):
    other = arrays()
    other[name] = np.nextafter(other[name], np.float32(9))
    (line,) = wrong(other)
    assert line.startswith(f"{name}: not the same")


def test_a_digest_or_a_dtype_or_a_missing_array():
    assert len(wrong(arrays(copies__split=np.array("abd")))) == 1
    wider = arrays()["losses/t/m"].astype(np.float32)
    assert len(wrong(arrays(losses__t__m=wider))) == 1
    less = arrays()
    del less["losses/t/m"]
    assert len(wrong(less)) == len(wrong(arrays(), less)) == 1


@pytest.mark.parametrize(("far", "lines"), [(0.5, 0), (2.0, 1)])
def test_losses_and_equations_have_a_tolerance(far, lines):
    for name, (relative, absolute) in (
        ("equations/sharpen-0/0", compare.EQUATIONS),
        ("losses/t/m", compare.LOSSES),
    ):
        other = arrays()
        allowed = absolute + relative * np.abs(other[name])
        other[name] = (other[name] + far * allowed).astype(other[name].dtype)
        assert len(wrong(other)) == lines, name


@pytest.mark.parametrize(("share", "lines"), [(0.5, 0), (2.0, 1)])
def test_weights_may_differ_by_a_share_of_their_way(share, lines):
    end = 0.5 * (1 + share * compare.WEIGHTS) * np.ones(4, np.float32)
    assert len(wrong(arrays(end__t__m__network=end))) == lines


def test_later_steps_may_differ_but_must_be_finite():
    def losses(last):
        steps = np.ones((compare.CLOSE + 1, 1))
        steps[-1] = last
        return arrays(losses__t__m=steps)

    assert not wrong(losses(2.0), losses(1.0))
    assert len(wrong(losses(np.inf), losses(1.0))) == 1


def test_numbers_that_are_not_finite_and_weights_that_did_not_move():
    bad = np.array([[2.0], [np.nan]])
    assert len(wrong(arrays(losses__t__m=bad))) == 1
    assert not wrong(arrays(losses__t__m=bad), arrays(losses__t__m=bad.copy()))
    still = arrays(end__t__m__network=np.zeros(4, np.float32))
    assert len(wrong(arrays(), still)) == 1


def launcher(place, version, says=None):
    """A program of a Python's name that says what its version is."""
    place.mkdir(parents=True, exist_ok=True)
    path = place / f"python{version}"
    path.write_text(f"#!/bin/sh\necho {says or version}\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture(name="machine")
def fixture_machine(tmp_path, monkeypatch):
    """A machine without any Python but those that a test puts there."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setattr(environments, "PYTHONS", {"keras3": ("4.12", "4.13")})
    return tmp_path


def test_a_python_is_found_on_the_path_or_among_those_of_pyenv(machine):
    assert environments.find("keras3") is None
    pyenv = launcher(machine / "pyenv/versions/4.13.0/bin", "4.13")
    assert environments.find("keras3") == pyenv
    launcher(machine / "bin", "4.12", says="command not found")  # as pyenv's shims
    assert environments.find("keras3") == pyenv
    found = launcher(machine / "bin", "4.12")
    assert environments.find("keras3") == found


def test_where_there_is_none_the_short_pass_is_left_out(machine, monkeypatch, capsys):
    monkeypatch.setattr(environments, "other_stack", lambda: "keras3")
    assert short.main([]) == 0
    out = capsys.readouterr().out
    assert out.startswith("The other TensorFlow is left out: no Python 4.12 or 4.13")
    assert environments.main() == environments.NONE_HERE


def test_the_short_pass_names_tests_that_there_are():
    for each in short.TESTS:
        path, _, name = each.partition("::")
        assert (ROOT / path).exists()
        assert not name or f"def {name}(" in (ROOT / path).read_text()


def test_a_step_of_a_method_is_recorded():
    found = dict(record.training("classification", "supervised", 1, noise=0.0))
    kinds = [compare.kind(name) for name in found]
    assert kinds == ["start"] * 2 + ["batches"] * 3 + ["losses"] + ["end"] * 2
    name = "classification/supervised/network"
    assert (found[f"start/{name}"] != found[f"end/{name}"]).any()
    assert not compare.compare(found, dict(found))[1]


def test_losses_of_two_runs(tmp_path):
    for name, loss in (("a", 1.0), ("b", 1.0 + compare.LOSSES[0])):
        (tmp_path / name).mkdir()
        text = f"step,train_loss,seconds\n4,1.0,1\n8,{loss},2\n"
        (tmp_path / name / "metrics.csv").write_text(text)
    assert crossing.furthest(tmp_path / "a", tmp_path / "a") == 0
    assert 0.5 < crossing.furthest(tmp_path / "a", tmp_path / "b") < 1
    for text in ("step,train_loss\n4,1.0\n", "step,error\n4,1.0\n8,1.0\n"):
        (tmp_path / "b" / "metrics.csv").write_text(text)
        assert crossing.furthest(tmp_path / "a", tmp_path / "b") == np.inf
