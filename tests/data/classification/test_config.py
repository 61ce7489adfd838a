"""Settings of the data."""

import pathlib

import pytest

from mixdmt_tf.data.classification.config import Config
from mixdmt_tf.errors import UsageError
from mixdmt_tf.settings import declared, settings_of


def test_the_command_line_reads_the_same_declarations_as_python():
    """Statically read settings equal those of the class."""
    assert declared("mixdmt_tf.data.classification.config") == settings_of(Config)


def test_only_what_leaves_the_pictures_alone_may_change_on_resuming():
    """The settings about places are harmless, all others matter."""
    harmless = {each.name for each in settings_of(Config) if each.harmless}
    places = {"data_dir", "unlabeled_dir", "copies_store", "cache_dir", "split"}
    places.add("image_store")
    places.add("labels_csv")  # as a path: a run compares what it says
    places.add("weights_csv")  # as a path: weights are part of the fingerprint
    places.add("pseudo_labels")  # as a path: a checkpoint knows what it holds
    assert harmless == places


@pytest.mark.parametrize(
    "wrong",
    [
        {"labels": 0},
        {"validation": -1},
        {"image_size": 0},
        {"copies": -1},
        {"copies_augment": "cutoff"},
        {"copies_store": "ram"},
        {"labels": 1e3},
    ],
)
def test_values_out_of_range_are_refused(wrong):
    """A Config built in Python is checked like one from flags."""
    with pytest.raises(UsageError, match=next(iter(wrong))):
        Config(**wrong)


def test_cache_folder(monkeypatch):
    """The flag wins over XDG_CACHE_HOME, which wins over ~/.cache."""
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert Config().cache_folder() == pathlib.Path("/home/somebody/.cache/mixdmt_tf")
    monkeypatch.setenv("XDG_CACHE_HOME", "/big/disk")
    assert Config().cache_folder() == pathlib.Path("/big/disk/mixdmt_tf")
    assert Config(cache_dir="~/c").cache_folder() == pathlib.Path("/home/somebody/c")
