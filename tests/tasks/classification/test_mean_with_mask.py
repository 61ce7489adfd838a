"""The mean of rounds of a method with a mask has the numbers of the mask."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mixdmt_tf.algorithms.parts import fixed_scores
from mixdmt_tf.rounds import weight_means
from mixdmt_tf.runs.rows import read_rows
from tests.report.reading import read
from tests.tasks.classification import tiny
from tests.tasks.classification.test_fixed_scores import AUTO, evidence

FLAGS = (
    "--algorithm=mixdmt",
    *tiny.SHORT_ROUNDS,
    "--select_on=mean",
    "--norestart",
    "--models=1",
    "--labels=8",
    "--validation=8",
    "--labeled_classes=0,1,2,3",
    "--unlabeled_classes=2,3,4,5",
    "--report=true",
)


def results_of(folder):
    return json.loads((folder / "results.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("more", [(AUTO, "--ood_score=domain"), ("--ood_rate=0.5",)])
def test_scores_of_a_mean(more, tmp_path, monkeypatch):
    monkeypatch.setattr(
        fixed_scores,
        "domain_scores",
        lambda pipeline: evidence(len(pipeline.split.unlabeled)),
    )
    done = tiny.session(tmp_path, *FLAGS, *more)
    assert done.code == 0, done.err
    found, last = results_of(tmp_path), results_of(tmp_path / "round_2")
    assert found["result_of"] == "mean"
    masking = "domain" if AUTO in more else "softmax"
    assert found["ood_auroc"] == found["ood_aurocs"][masking]
    assert found["ood_aurocs"].keys() == last["ood_aurocs"].keys()
    for name in ("ood_rate_estimate", "ood_rate_interval"):
        assert found[name] == last[name]
    if masking == "domain":  # scores of images, not of a network
        assert found["ood_auroc"] == last["ood_auroc"]
        assert found["ood_rate_estimate"] is not None
        page = read((tmp_path / "report.html").read_text(encoding="utf-8"))
        assert "The mask rejects" in page.text
    one, other = (read_rows(tmp_path / name)[-1] for name in ("mean", "round_2"))
    own = {name for name in one if name.startswith("train_")}
    assert own and all(one[name] == other[name] for name in own)


def test_masked_images_of_unknown_truth_stay_known(tmp_path, monkeypatch):
    """As of a folder of one's own: then nothing is measured, but the mask is shown."""
    experiment = tiny.experiment(tmp_path, "--algorithm=mixdmt", "--ood_score=domain")
    scores = np.arange(5.0, dtype=np.float32)
    monkeypatch.setattr(
        weight_means.predictions, "read", lambda *_: {"ood_scores": scores}
    )
    for noted, name in (({}, ""), ({"softmax": 1.0, "domain": 2.0}, "domain")):
        (tmp_path / "results.json").write_text(json.dumps({"ood_aurocs": noted}))
        mask = weight_means._mask_of(experiment, tmp_path, 3)
        assert (mask.score, mask.fixed_score) == ("domain", name)
        np.testing.assert_array_equal(mask.scores, scores)
