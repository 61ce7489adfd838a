"""Parts of work, each for a process of its own."""

import pytest

from mixdmt_tf.data import part
from mixdmt_tf.data.part import Part
from mixdmt_tf.errors import UsageError


@pytest.mark.parametrize("of", [1, 2, 3, 4, 16])
@pytest.mark.parametrize("count", [0, 1, 3, 16, 17, 1_000_003])
def test_the_parts_have_everything_once_and_are_level(count, of):
    ranges = [each.range(count) for each in Part(1, of).all()]
    ends = [0, *(each.stop for each in ranges)]
    assert [each.start for each in ranges] == ends[:-1] and ends[-1] == count
    sizes = {*map(len, ranges)}
    assert max(sizes) - min(sizes) <= 1


def test_which_parts_lack_something():
    """Of ten things in four parts: 0-1, 2-4, 5-6, 7-9."""
    assert Part(1, 4).lacking(10, [3, 4, 9]) == [Part(2, 4), Part(4, 4)]
    assert Part(2, 4).lacking(10, []) == []


def test_the_flag():
    assert part.parse("") is None
    assert part.parse("3/16") == Part(3, 16)
    assert str(Part(3, 16)) == "3/16"


@pytest.mark.parametrize("text", ["0/4", "5/4", "3", "3/", "/4", "-1/4", "1/4/2", "a"])
def test_what_is_no_part(text):
    with pytest.raises(UsageError, match=f"--shard={text}: expected the number of a"):
        part.parse(text)


def test_words():
    parts = Part(1, 12).all()
    assert part.listed(parts[:2]) == "1/12, 2/12"
    assert part.listed(parts).endswith("8/12 and 4 more")
