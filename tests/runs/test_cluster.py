"""`TF_CONFIG`."""

from __future__ import annotations

import json

import pytest

from mixdmt_tf.errors import UsageError
from mixdmt_tf.runs import cluster
from mixdmt_tf.runs.cluster import Cluster


def environment(jobs, **task):
    return {"TF_CONFIG": json.dumps({"cluster": jobs, "task": task})}


@pytest.mark.parametrize("given", [{}, {"TF_CONFIG": ""}, {"TF_CONFIG": "{}"}])
def test_without_it_a_process_is_alone(given):
    assert cluster.read(given) == Cluster((), 0)
    assert not cluster.read(given).several


def test_workers_are_counted_as_tensorflow_does():
    jobs = {"worker": ["b:1", "c:2"], "chief": ["a:3"]}
    assert cluster.read(environment(jobs, type="worker", index=1)) == Cluster(
        ("a:3", "b:1", "c:2"), 2
    )
    assert cluster.read(environment(jobs, type="chief", index=0)).index == 0


def test_what_is_written_can_be_read():
    text = cluster.text(("a:1", "b:2"), 1)
    assert cluster.read({"TF_CONFIG": text}) == Cluster(("a:1", "b:2"), 1)


@pytest.mark.parametrize(
    "text, said",
    [
        ("x", "it is not JSON"),
        ("[]", "expected a JSON object"),
        ('{"cluster": []}', "expected a JSON object"),
        (environment({"ps": ["a:1"]})["TF_CONFIG"], "cluster has ps; expected worker"),
        (environment({"chief": ["a:1", "b:1"]})["TF_CONFIG"], "several chiefs"),
        (environment({"worker": "a:1"})["TF_CONFIG"], "expected a list of 'host:port'"),
        (environment({"worker": ["a"]})["TF_CONFIG"], "expected a list of 'host:port'"),
        (environment({"worker": ["a:1", "a:1"]})["TF_CONFIG"], "given twice"),
        (environment({"worker": ["a:1"]})["TF_CONFIG"], "type: expected worker"),
        (
            environment({"worker": ["a:1"]}, type="worker", index=1)["TF_CONFIG"],
            "index: expected 0 to 0 of worker, got 1",
        ),
        (
            environment({"worker": ["a:1"]}, type="worker", index="0")["TF_CONFIG"],
            "index: expected 0 to 0 of worker, got '0'",
        ),
    ],
)
def test_what_is_wrong_is_said(text, said):
    with pytest.raises(UsageError) as refused:
        cluster.read({"TF_CONFIG": text})
    assert said in str(refused.value)
    assert len(str(refused.value).splitlines()) <= 3


def test_strategies_of_one_machine_have_no_cluster(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", cluster.text(("a:1", "b:2"), 0))
    assert cluster.of_run("auto").several and cluster.of_run("multi_worker").several
    assert not cluster.of_run("none").addresses
    assert not cluster.of_run("mirrored").addresses
    monkeypatch.setenv("TF_CONFIG", cluster.text(("a:1",), 0))
    assert not cluster.of_run("auto").addresses
    assert cluster.of_run("multi_worker").addresses == ("a:1",)


def test_several_machines_have_to_be_named(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(UsageError, match="TF_CONFIG is not set"):
        cluster.of_run("multi_worker")
