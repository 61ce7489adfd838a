"""What a wheel holds, and that it works away from a checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(name="wheel", scope="module")
def fixture_wheel(tmp_path_factory):
    """A wheel of these files, built without network; takes two seconds."""
    tree, place = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("wheel")
    for name in ("setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    for name in ("mixdmt_tf", "flags"):
        unwanted = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, tree / name, ignore=unwanted)
    program = [sys.executable, "-m", "pip", "wheel", "--no-build-isolation"]
    options = ["--no-deps", "--no-index", "--quiet", f"--wheel-dir={place}"]
    subprocess.run([*program, *options, str(tree)], check=True, timeout=120)
    (path,) = place.glob("*.whl")
    return path


def files(folder, suffix):
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob(f"*{suffix}")
        if path.is_file()
    }


def test_it_holds_the_package_the_flagfiles_and_the_tables(wheel):
    with zipfile.ZipFile(wheel) as archive:
        held = {n for n in archive.namelist() if ".dist-info/" not in n}

    # Python files, and what they read: pages, styles, py.typed.
    every = files(ROOT / "mixdmt_tf", "")
    expected = {f"mixdmt_tf/{name}" for name in every if "__pycache__" not in name}
    assert {"mixdmt_tf/plots.mplstyle", "mixdmt_tf/py.typed"} < expected
    for suffix in (".flags", ".ini"):
        expected |= {f"mixdmt_tf/flags/{n}" for n in files(ROOT / "flags", suffix)}
    assert held == expected
    assert len([name for name in held if name.endswith("table.ini")]) > 5


def test_its_metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        info = f"{wheel.name.split('-py3')[0]}.dist-info"
        metadata = archive.read(f"{info}/METADATA").decode()
        scripts = archive.read(f"{info}/entry_points.txt").decode()
    assert "Project-URL: DMT (paper), https://arxiv.org/abs/2004.08514" in metadata
    assert "# mixdmt_tf" in metadata  # README.md
    assert "mixdmt-train-realmix = mixdmt_tf.cli.train:command_realmix" in scripts


PROGRAM = """
import sys
import mixdmt_tf
from mixdmt_tf.cli import experiments, flagfiles
from mixdmt_tf.tables import table_ini
parsed = experiments.parse(["--flagfile=quickstart"], "train", "")
assert "tensorflow" not in sys.modules
print(mixdmt_tf.__file__)
print(parsed.values["run"]["workdir"], parsed.values["data"]["labels"])
# base/cpu.flags, which quickstart.flags names
print(parsed.values["method"]["ema_warmup"], parsed.values["run"]["steps"])
print(len(table_ini.find(flagfiles.folder())), "dmt/voc_8" in flagfiles.names())
"""


def test_it_works_from_another_folder(wheel, tmp_path):
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.unpack_archive(str(wheel), site, "zip")

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=elsewhere,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    where, what, brought, others = done.stdout.splitlines()
    assert where == str(site / "mixdmt_tf" / "__init__.py")
    assert what == "runs/quickstart 20"
    assert brought == "True 1000"
    tables = len(list((ROOT / "flags").rglob("table.ini")))
    assert others == f"{tables} True"
