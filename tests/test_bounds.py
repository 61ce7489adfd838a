"""What comes from users is read within bounds, all of which stand in one file."""

from __future__ import annotations

import ast
import hashlib

import pytest

from mixdmt_tf import bounds
from tests.every_file import every
from tests.test_project import MODULES, PACKAGE, tree

# Who reads otherwise, and why.
ALLOWED = {
    "bounds.py": "the one that counts",
    "data/band_files.py": "the header of a PNG",
    "data/classification/inspection.py": "a digest, of which no more is in memory",
    "data/segmentation/label_maps.py": "the header of a PNG",
    "data/shard_files.py": "a digest, of which no more is in memory",
    "leases.py": "a file of the system",
    "machine_memory.py": "files of the system",
    "report/page.py": "a file of the package",
    "runs/environment.py": "a file of the system; others through bounds",
    "serving/app.py": "a file of the package",
    "source_text.py": "modules, which are imported all the same",
    "stores.py": "a file that is sent, of which no more is in memory",
}


def unbounded(path):
    """The lines that read a whole file, or open one to be read."""
    for call in (n for n in ast.walk(tree(path)) if isinstance(n, ast.Call)):
        called = ast.unparse(call.func)
        owner, _, name = called.rpartition(".")
        if owner == "bounds":
            continue
        if name in ("read_text", "read_bytes") or called == "json.load":
            yield call.lineno, called
        elif called == "open" or (name == "open" and owner not in ("Image", "os")):
            modes = call.args[called == "open" :][:1]
            modes += [each.value for each in call.keywords if each.arg == "mode"]
            if "r" in (ast.literal_eval(modes[0]) if modes else "r"):
                yield call.lineno, called


@every(MODULES)
def test_files_are_read_within_bounds(path):
    if path.relative_to(PACKAGE).as_posix() not in ALLOWED:
        assert not [*unbounded(path)], "use mixdmt_tf.bounds"


@pytest.mark.parametrize("name", ALLOWED)
def test_nobody_is_excused_who_needs_no_excuse(name):
    assert [*unbounded(PACKAGE / name)]


@pytest.mark.parametrize(
    "line,found",
    [
        ("path.read_text()", True),
        ("(folder / NAME).read_bytes()", True),
        ("json.load(file)", True),
        ("open(path)", True),
        ("open(path, 'rb')", True),
        ("path.open()", True),
        ("path.open(mode='r+b')", True),
        ("path.open('wb')", False),
        ("open(path, 'a')", False),
        ("bounds.read_text(path, 5)", False),
        ("json.loads(text)", False),
    ],
)
def test_what_is_found(line, found, tmp_path):
    (tmp_path / "module.py").write_text(line)
    assert bool([*unbounded(tmp_path / "module.py")]) == found


def test_a_digest_is_that_of_the_whole_file(tmp_path):
    path, content = tmp_path / "file", bytes(range(256)) * 9000
    path.write_bytes(content)
    assert bounds.digest(path, len(content)) == hashlib.sha256(content).hexdigest()
    with pytest.raises(bounds.TooLarge):
        bounds.digest(path, len(content) - 1)


def test_text_is_what_the_file_has(tmp_path):
    (tmp_path / "file").write_bytes("ä\r\n".encode())
    assert bounds.read_text(tmp_path / "file", 4) == "ä\r\n"
    with pytest.raises(bounds.TooLarge):
        bounds.read_text(tmp_path / "file", 3)
    (tmp_path / "file").write_bytes(b"\xff")
    with pytest.raises(UnicodeDecodeError):
        bounds.read_text(tmp_path / "file", 3)
