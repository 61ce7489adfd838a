"""Addresses are told apart from paths, in whatever form they arrive."""

import pathlib

import pytest

from mixdmt_tf import addresses
from mixdmt_tf.errors import UsageError


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("gs://bucket/run", "gs://bucket/run"),
        ("gs://bucket/run/", "gs://bucket/run"),
        ("s3://bucket", "s3://bucket"),
        ("hdfs://host:9000/x", "hdfs://host:9000/x"),
        ("file:///tmp/run", "file:///tmp/run"),
        ("ram://a/b", "ram://a/b"),
    ],
)
def test_as_people_write_them_and_as_pathlib_makes_them(given, normal):
    for form in (given, pathlib.Path(given)):
        assert addresses.is_address(form)
        assert addresses.normal(form) == normal


@pytest.mark.parametrize(
    "path", ["gs/bucket", "a:b/c", "./s3:x", "s3:", "gs://", "", "runs/gs://bucket/x"]
)
def test_paths_that_only_look_like_it(path):
    assert not addresses.is_address(path)
    with pytest.raises(ValueError, match="is no address"):
        addresses.normal(path)


def test_parts_of_addresses():
    assert addresses.scheme_of("gs://bucket/a/run") == "gs"
    assert addresses.name_of("gs://bucket/a/run") == "run"
    assert addresses.name_of("gs://bucket") == "bucket"
    assert addresses.below("gs:/bucket/", "cifar10") == "gs://bucket/cifar10"
    assert addresses.below("data", "cifar10") == str(pathlib.Path("data/cifar10"))
    assert addresses.below("", "cifar10") == "cifar10"


def test_what_cannot_be_opened_is_refused_by_its_name(monkeypatch):
    monkeypatch.setattr(addresses.importlib.util, "find_spec", lambda name: None)
    for good in ("gs://bucket/run", "file:///tmp/run", "runs/a", ""):
        addresses.require_openable(good)
    for bad in ("s3://bucket/run", "hdfs:/host/run"):
        with pytest.raises(UsageError) as refused:
            addresses.require_openable(bad, "workdir")
        message = str(refused.value)
        assert message.startswith(f"--workdir={addresses.normal(bad)}: TensorFlow")
        assert "2.15 install it: pip install tensorflow-io==0.36.0;" in message
        assert "none fits 2.21." in message and "mount the store" in message
        assert len(message.splitlines()) <= 3
    monkeypatch.setattr(addresses.importlib.util, "find_spec", lambda name: name)
    addresses.require_openable("s3://bucket/run")
