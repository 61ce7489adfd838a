"""Settings of images: what can be read of them, and what is refused."""

from __future__ import annotations

import dataclasses

import pytest

from mixdmt_tf.data.segmentation.config import Config
from mixdmt_tf.errors import UsageError
from mixdmt_tf.settings import declared, settings_of


def refusal(**settings):
    """The message: few lines that say what came."""
    with pytest.raises(UsageError) as caught:
        Config(**settings)
    message = str(caught.value)
    assert 1 <= len(message.splitlines()) <= 3 and len(message) < 300
    return message


def test_the_data_set_decides_unless_something_is_said():
    config = Config()
    assert (config.crop_size, config.scale_range) == (None, None)
    assert (config.dataset, config.labels, config.validation) == ("voc", "", None)
    assert declared("mixdmt_tf.data.segmentation.config") == settings_of(Config)
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.crop = "9"


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("321", (321, 321)),
        ("256x512", (256, 512)),  # height first
        ("8", (8, 8)),
        ("8x99999", (8, 99999)),
        ("017", (17, 17)),
    ],
)
def test_sizes_of_crops(text, size):
    assert Config(crop=text).crop_size == size


@pytest.mark.parametrize(
    "text",
    [
        *("7", "0", "-8", "8x7", "7x8", "8x", "x8", "8x8x8", "8,8", "8X8", "8 x 8"),
        *(" 9", "9\n", "9.0", "9e1", "1" * 6, "large", "²", "٩", "9９"),
    ],
)
def test_what_is_no_size(text):
    said = refusal(crop=text)
    assert said.startswith(f"--crop={text}: expected one side or height x width")


@pytest.mark.parametrize(
    ("text", "scale"),
    [
        ("0.5,1.5", (0.5, 1.5)),
        (" .5 , 2 ", (0.5, 2.0)),
        ("1,1", (1.0, 1.0)),
        ("0.001,999.5", (0.001, 999.5)),
    ],
)
def test_ranges_of_scales(text, scale):
    assert Config(scale=text).scale_range == scale


@pytest.mark.parametrize(
    "text",
    [
        *("0,1", "0.0,0.0", "1.5,0.5", "1", "1,", ",1", "1,2,3", "-1,1", "-2,-1"),
        *("1;2", "1e-1,1", "nan,1", "1,inf", "1,1000", "a,b", "1 2", "¹,²", "٣,٤"),
    ],
)
def test_what_is_no_range(text):
    said = refusal(scale=text)
    assert said.startswith(f"--scale={text}: expected the smallest and the largest")


def test_either_a_share_of_labels_or_a_list():
    assert Config(labels="1/20").labeled_list == ""
    assert Config(labeled_list="train").labels == ""
    said = refusal(labels="1/20", labeled_list="train")
    assert "--labels=1/20 and --labeled_list=train: expected one of them" in said


def test_numbers_out_of_range():
    assert Config(validation=0).validation == 0
    assert "validation=-1: expected" in refusal(validation=-1)
    assert "validation=0.5: expected" in refusal(validation=0.5)


def test_only_what_says_where_things_are_may_change():
    harmless = {each.name for each in settings_of(Config) if each.harmless}
    assert harmless == {"data_dir", "split", "pseudo_labels"}
