"""Paths of many files, and what the files are known by."""

import os
import pathlib
import tracemalloc

import numpy as np
import pytest

from mixdmt_tf.data import image_files
from mixdmt_tf.data.file_facts import FileFacts
from mixdmt_tf.data.paths import Paths

ROOT = pathlib.Path("/photos")
NAMES = ["a/1.png", "a/é.png", "", "b/\udcff.png", "c.png"]


def test_they_are_what_was_put_in():
    paths = Paths(ROOT, NAMES)
    assert list(paths) == [ROOT / name for name in NAMES]
    assert paths[1:4:2] == [ROOT / "a/é.png", ROOT / "b/\udcff.png"]
    assert paths[-1] == ROOT / "c.png" and paths.name(0) == "a/1.png"
    with pytest.raises(IndexError):
        paths[5]


def test_more_are_added():
    paths, more = Paths(ROOT, NAMES[:2]), Paths(ROOT, NAMES[2:])
    paths.extend(more)
    paths.append("last")
    assert list(paths) == [ROOT / name for name in [*NAMES, "last"]]


def test_a_path_takes_little_more_than_its_name():
    names = [f"train/n{n % 1000:08}/n{n:08}_{n}.JPEG" for n in range(20_000)]
    length = sum(map(len, names)) / len(names)
    tracemalloc.start()
    paths = Paths(ROOT, names)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held / len(paths) < 1.2 * (length + 8)


def test_files_are_found_in_the_order_of_their_parts(tmp_path):
    """As sorting whole paths has it: 'a-b' after 'a/z', though '-' comes before '/'."""
    for name in ("a/z.png", "a-b/1.png", "a.png", "a/b/c.png", "B.png", "a/b.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found, _ = image_files.find(tmp_path)
    assert list(found) == sorted(found) and len(found) == 6
    some, _ = image_files.find(tmp_path / "a", paths=Paths(tmp_path))
    assert [*some] == [p for p in found if p.is_relative_to(tmp_path / "a")]


@pytest.fixture(name="files")
def fixture_files(tmp_path):
    for number in range(6):
        (tmp_path / f"{number}.png").write_bytes(bytes(number))
    return image_files.find(tmp_path)[0]


def facts_of(paths):
    return FileFacts.of(paths, paths.root)


def test_facts_of_files(files):
    (files.root / "5.png").unlink()
    facts = facts_of(files)
    assert facts.sizes.tolist() == [0, 1, 2, 3, 4, 0]
    assert facts.times[1] == (files.root / "1.png").stat().st_mtime_ns
    assert facts.times[5] == 0 and facts.path(5) == "5.png"
    listed = FileFacts.of(list(files), files.root)
    assert (listed.places(facts) == np.arange(6)).all()


@pytest.mark.parametrize("row", [0, 3, 5])
def test_another_size_or_time_is_another_file(row, files):
    before = facts_of(files)
    os.utime(files[row], ns=(7, 7))
    expected = np.where(np.arange(6) == row, -1, np.arange(6))
    np.testing.assert_array_equal(before.places(facts_of(files)), expected)


def test_places_among_others(files):
    facts = facts_of(files)
    some = facts.take(np.array([4, 1]))
    assert [some.path(row) for row in range(2)] == ["4.png", "1.png"]
    np.testing.assert_array_equal(facts.places(some), [4, 1])
    np.testing.assert_array_equal(some.places(facts), [-1, 1, -1, -1, 0, -1])
    assert (FileFacts.none().places(some) == -1).all()
    both = some.joined(facts.take(np.array([0])))
    np.testing.assert_array_equal(facts.places(both), [4, 1, 0])


def test_names_that_run_together_are_told_apart(tmp_path):
    """'a', 'bc' and 'ab', 'c' are the same text."""
    ab, c = (Paths(tmp_path, names.split()) for names in ("a bc", "ab c"))
    one, other = FileFacts.of(ab, tmp_path), FileFacts.of(c, tmp_path)
    assert one.text.tobytes() == other.text.tobytes()
    assert (one.places(other) == -1).all()


def test_they_are_read_as_they_were_written(files, tmp_path):
    facts, path = facts_of(files), tmp_path / "facts.npz"
    facts.write(path)
    again = FileFacts.read(path, FileFacts.none())
    assert (again.places(facts) == np.arange(6)).all()
    assert [again.path(row) for row in range(6)] == [p.name for p in files]
    assert FileFacts.read(path, facts).text is facts.text


@pytest.mark.parametrize("ends", [[1, 2], [4, 1, 5], [1, 2, 3]])
def test_facts_that_do_not_fit(ends):
    with pytest.raises(ValueError, match="expected"):
        text = np.zeros(5, np.uint8)
        FileFacts(text, np.array(ends), *np.zeros((2, 3), np.int64))
