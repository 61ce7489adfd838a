"""Reading prepared data without the network, and saying what is missing."""

import logging as python_logging
import socket
import time

import numpy as np
import pytest
import tensorflow_datasets as tfds
from absl import logging

from mixdmt_tf.data.classification import tfds_source
from mixdmt_tf.data.classification.config import Config
from mixdmt_tf.errors import UserError
from tests.data.classification import prepared

LABELS = [7, 0, 3, 9, 1, 1, 2, 5]


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    """Addresses on this machine are asked directly."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture(name="dead_end")
def closed_port():
    """An address where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{probe.getsockname()[1]}/data.tar.gz"


def _load(data_dir, url="http://127.0.0.1:9/", **options):
    settings = {"name": "tiny", "prepared_as": "tiny_set", "url": url}
    settings.update({"flip": True, "crop_padding": 4}, **options)
    return tfds_source.Prepared(**settings).load(Config(data_dir=str(data_dir)))


def test_reads_everything_in_order(tmp_path):
    """Rows are rows of the files; names come from the folder."""
    prepared.write(tmp_path / "tiny_set/1.0.0", {"train": LABELS, "test": [4, 4]})
    source = _load(tmp_path)
    assert source.name == "tiny"
    assert source.class_names == tuple(f"class{c}" for c in range(10))
    assert source.train.labels.tolist() == LABELS
    assert source.train.images[:, 0, 0, 0].tolist() == list(range(8))
    assert source.test.labels.tolist() == [4, 4]
    assert source.test.images[:, 3, 3, 2].tolist() == [100, 101]
    assert (source.flip, source.crop_padding) == (True, 4)


def test_files_are_read_one_after_the_other(tmp_path):
    """However the data are cut into files, ids are the same."""
    labels = [row % 10 for row in range(90)]
    prepared.write(tmp_path / "one/tiny_set/1.0.0", {"train": labels, "test": [0]})
    prepared.write(
        tmp_path / "three/tiny_set/1.0.0", {"train": labels, "test": [0] * 3}, shards=3
    )
    one, three = (_load(tmp_path / name) for name in ("one", "three"))
    assert one.train.images[:, 0, 0, 0].tolist() == list(range(90))
    np.testing.assert_array_equal(one.train.images, three.train.images)
    assert one.fingerprint() == three.fingerprint()


def test_several_splits_are_joined(tmp_path):
    """As in SVHN with its extra set; labels of -1 are allowed among training images."""
    splits = {"train": [1, 2], "more": [-1, 3, -1], "test": [0]}
    prepared.write(tmp_path / "tiny_set/1.0.0", splits)
    source = _load(tmp_path, train=("more", "train"))
    assert source.train.labels.tolist() == [-1, 3, -1, 1, 2]
    assert source.train.images[:, 0, 0, 0].tolist() == [100, 101, 102, 0, 1]


def test_prepared_data_need_no_network(tmp_path, monkeypatch):
    """Nobody even looks up a name or opens a connection."""

    def refuse(*args, **kwargs):
        raise AssertionError("the network was asked")

    prepared.write(tmp_path / "tiny_set/1.0.0", {"train": LABELS, "test": [0]})
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(tfds_source, "answers", refuse)
    assert len(_load(tmp_path).train) == 8


def test_nothing_is_said_on_the_way(tmp_path, caplog, capsys):
    """At any verbosity, which is then as before."""
    prepared.write(tmp_path / "tiny_set/1.0.0", {"train": LABELS, "test": [0]})
    before = logging.get_verbosity()
    try:
        logging.set_verbosity(logging.INFO)
        with caplog.at_level(python_logging.DEBUG, logger="root"):
            _load(tmp_path)
        assert logging.get_verbosity() == logging.INFO
    finally:
        logging.set_verbosity(before)
    assert [record for record in caplog.records if record.name == "absl"] == []
    assert capsys.readouterr().out == ""


def test_the_newest_complete_version_counts(tmp_path):
    """By number, not by letter; unfinished ones don't."""
    for version in ("2.0.0", "10.0.0"):
        prepared.write(tmp_path / "tiny_set" / version, {"train": [0], "test": [0]})
    for name in ("dataset_info.json", "features.json"):
        folder = tmp_path / f"tiny_set/11.0.{len(name)}"
        folder.mkdir()
        folder.joinpath(name).write_text("{}")
    tmp_path.joinpath("tiny_set/12.0.0.incompleteABC").mkdir()
    found = tfds_source.find_prepared(tmp_path, "tiny_set")
    assert found == tmp_path / "tiny_set/10.0.0"
    assert tfds_source.find_prepared(tmp_path, "another_set") is None


def test_where_data_are_looked_for(tmp_path, monkeypatch, dead_end):
    """--data_dir, else TFDS_DATA_DIR, else the home folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "variable"))
    with pytest.raises(UserError, match=f"not in {tmp_path}/flag "):
        _load(tmp_path / "flag", dead_end)
    with pytest.raises(UserError, match=f"not in {tmp_path}/variable "):
        _load("", dead_end)
    monkeypatch.delenv("TFDS_DATA_DIR")
    with pytest.raises(UserError, match=f"not in {tmp_path}/tensorflow_datasets "):
        _load("", dead_end)


def test_missing_data_without_a_network(tmp_path, dead_end):
    """One sentence at once: what is missing, where from, what to put where."""
    start = time.perf_counter()
    with pytest.raises(UserError) as caught:
        _load(tmp_path / "data", dead_end)
    assert time.perf_counter() - start < 5
    message = str(caught.value)
    assert message.count("\n") == 0
    for part in ("tiny_set is not in", "127.0.0.1 does not answer", "tfds build"):
        assert part in message
    assert str(tmp_path / "data/tiny_set") in message
    assert not tmp_path.joinpath("data").exists()


class TinyMade(tfds.core.GeneratorBasedBuilder):
    """A data set that TensorFlow Datasets can prepare without downloading."""

    VERSION = tfds.core.Version("1.2.3")

    def _info(self):
        image = tfds.features.Image(shape=(4, 4, 3))
        label = tfds.features.ClassLabel(names=["cat", "dog"])
        features = tfds.features.FeaturesDict({"image": image, "label": label})
        return tfds.core.DatasetInfo(builder=self, features=features)

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples(), "test": self._generate_examples()}

    def _generate_examples(self):
        for row in range(6):
            image = np.full((4, 4, 3), 10 * row, np.uint8)
            yield row, {"image": image, "label": row % 2}


def test_missing_data_are_fetched(tmp_path, somebody, capsys):
    """Prepared in `data_dir`, where the next call finds them without asking."""
    source = _load(tmp_path, somebody, prepared_as="tiny_made")
    assert source.class_names == ("cat", "dog")
    assert sorted(source.train.images[:, 0, 0, 0]) == [0, 10, 20, 30, 40, 50]
    assert (source.train.images[:, 0, 0, 0] // 10 % 2 == source.train.labels).all()
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"fetching tiny_made from {somebody} into {tmp_path}\n")
    again = _load(tmp_path, prepared_as="tiny_made")
    assert again.fingerprint() == source.fingerprint()


def test_fetching_that_fails(tmp_path, somebody):
    """The cause comes first, then what to put where."""
    with pytest.raises(UserError) as caught:
        _load(tmp_path, somebody, prepared_as="no_such_set")
    message = str(caught.value)
    assert "could not be fetched (" in message
    assert str(tmp_path / "no_such_set") in message


def _cut(folder):
    path = next(folder.glob("*train.tfrecord*"))
    path.write_bytes(path.read_bytes()[:-20])


def _cut_between_records(folder):
    path = next(folder.glob("*train.tfrecord*"))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 8 * 5])


def _flip_a_bit(folder):
    path = next(folder.glob("*train.tfrecord*"))
    content = bytearray(path.read_bytes())
    content[200] ^= 4
    path.write_bytes(bytes(content))


def _lose_a_file(folder):
    next(folder.glob("*test.tfrecord*")).unlink()


def _scribble(folder):
    folder.joinpath("dataset_info.json").write_text("{")


def _lie(folder):
    path = folder / "dataset_info.json"
    path.write_text(path.read_text().replace('["8"]', '["9"]'))


@pytest.mark.parametrize(
    "damage", [_cut, _cut_between_records, _flip_a_bit, _lose_a_file, _scribble, _lie]
)
def test_damaged_data_are_refused(tmp_path, damage):
    """With the folder, and what to do; also a file that ends between two images."""
    folder = tmp_path / "tiny_set/1.0.0"
    prepared.write(folder, {"train": LABELS, "test": [0]})
    damage(folder)
    with pytest.raises(UserError) as caught:
        _load(tmp_path)
    message = str(caught.value)
    assert message.startswith(f"{folder} can't be read as tiny_set: ")
    assert len(message.splitlines()) == 2
