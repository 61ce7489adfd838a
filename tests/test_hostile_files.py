"""Readers of files from strangers and of caches; Hypothesis makes files up."""

import contextlib
import io

import pytest

from tools.torture import readers

hypothesis = pytest.importorskip("hypothesis")
st = hypothesis.strategies

NAMES = [
    *("flags", "split", "pseudo labels", "pixel labels", "coco", "npz weights"),
    *("safetensors", "h5 weights", "pth weights", "labels", "weights of labels"),
    *("decoded files", "decoded problems", "decoded shard", "copies", "checkpoint"),
    *("colours", "digests", "metrics"),
]
TOKENS = (b"-1", b"1e999", b"null", b"[", b"{}", b'"', b"99999999999", b"\n", b"\xff")
# Where a file is changed, how many bytes go, and what comes instead.
EDITS = st.lists(
    st.tuples(
        st.integers(0, 4000),
        st.integers(0, 12),
        st.one_of(st.sampled_from(TOKENS), st.binary(max_size=9)),
    ),
    min_size=1,
    max_size=4,
)


@pytest.fixture(name="every", scope="module")
def fixture_every(tmp_path_factory):
    return readers.readers(tmp_path_factory.mktemp("readers"))


def edited(content, edits):
    for place, gone, instead in edits:
        begin = place % (len(content) + 1)
        content = content[:begin] + instead + content[begin + gone :]
    return content


def test_all_readers_are_tried(every):
    assert sorted(NAMES) == sorted(every)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_but_a_refusal_comes_of_a_file(name, every, tmp_path_factory):
    reader, sound = every[name]
    path = tmp_path_factory.mktemp("file") / f"file{readers.SUFFIXES.get(name, '')}"

    @hypothesis.settings(
        max_examples=25, derandomize=True, deadline=None, database=None
    )
    @hypothesis.given(st.sampled_from(sound), EDITS)
    def try_one(content, edits):
        with contextlib.redirect_stdout(io.StringIO()):
            readers.read(reader, path, edited(content, edits))

    try_one()


@pytest.mark.parametrize("name", NAMES)
def test_the_file_itself_is_read(name, every, tmp_path):
    reader, sound = every[name]
    path = tmp_path / f"file{readers.SUFFIXES.get(name, '')}"
    with contextlib.redirect_stdout(io.StringIO()):
        assert all(readers.read(reader, path, content) for content in sound)
