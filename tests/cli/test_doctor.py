"""`bin/doctor`."""

from __future__ import annotations

import importlib.metadata
import shutil
import sys

import pytest

import mixdmt_tf
from mixdmt_tf.cli import doctor
from tests.cli import commands


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    """A folder without data, and no variable that names another."""
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def lines(found):
    return dict(found)


def test_help():
    assert "usage: doctor" in commands.helps_at_once("doctor")


def test_a_machine_that_is_well(capsys, tmp_path):
    assert doctor.main([]) == 0
    said = capsys.readouterr().out
    for title in ("versions", "devices", "disk", "data sets", "weights"):
        assert f"\n{title}\n" in f"\n{said}"
    assert f"mixdmt_tf                  {mixdmt_tf.__version__}, " in said
    assert "GPU                        none found" in said
    assert "digits                     always there" in said
    assert "--network, segmentation    " in said and "--strategy" in said
    assert said.endswith("no problems found\n")
    assert not list(tmp_path.iterdir())  # it writes nothing


def test_data_sets_are_found_where_a_command_would_find_them(tmp_path):
    (tmp_path / "labeled" / "cat").mkdir(parents=True)
    config = doctor.Config(data_dir=str(tmp_path))
    found = lines(doctor.data_sets(config))
    assert found["folder"] == str(tmp_path / "labeled")
    assert "cifar10, cifar100" in found["not found"]
    prepared = tmp_path / "tensorflow_datasets" / "cifar10" / "3.0.2"
    prepared.mkdir(parents=True)
    (prepared / "dataset_info.json").write_text("{}")
    (prepared / "features.json").write_text("{}")
    assert lines(doctor.data_sets(doctor.Config()))["cifar10"] == str(prepared)


def test_what_is_missing_or_does_not_fit_is_a_problem(monkeypatch, capsys):
    def requires(_):
        return ["keras>=99", "no-such-package<3", "optuna; extra == 'tune'"]

    monkeypatch.setattr(importlib.metadata, "requires", requires)
    said = [text for name, text in doctor.versions() if name == doctor.PROBLEM]
    version = importlib.metadata.version("keras")
    assert said == [
        f"keras {version}: expected keras>=99",
        "no-such-package is not installed: pip install 'no-such-package<3'",
    ]
    assert doctor.main([]) == 1
    assert capsys.readouterr().out.endswith("2 problems found\n")


def test_a_tensorflow_that_cannot_be_imported(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    found = lines(doctor.devices())
    assert found[doctor.PROBLEM].startswith("TensorFlow can't be imported: ")


def test_a_full_disk(monkeypatch):
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=12_000_000))
    said = [text for name, text in doctor.disks(doctor.Config()) if name == "problem"]
    assert said[0] == "less than 1.0 GB free for runs (--workdir)" and len(said) == 3


def test_a_place_that_cannot_be(tmp_path):
    """As one in a folder that may not be looked into."""
    name = "a" * 300
    found = lines(doctor.disks(doctor.Config(workdir=name)))
    assert found["runs (--workdir)"].endswith(f" free, {tmp_path / name}")
