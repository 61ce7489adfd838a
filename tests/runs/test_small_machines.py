"""What is advised where no GPU is: it must fit the method, and be read with it."""

from __future__ import annotations

import pytest

from mixdmt_tf.cli import experiments
from mixdmt_tf.runs import small_machines
from mixdmt_tf.runs.warnings import small_budget

METHODS = [(t, name) for t in experiments.TASKS for name in experiments.methods_of(t)]
METHODS.remove(("classification", "linear_probe"))  # done at once: nothing is said
# Data of one's own, and others; and what is far too large for them on a CPU.
DATA = {
    "classification": ("folder", "digits", "cnn13"),
    "segmentation": ("voc", "cityscapes", "deeplab_v2"),
}


def advised(flags):
    """The flags that a run with these ones is told to take."""
    return small_budget(
        experiments.build(experiments.parse(flags, "train", ""))
    ).split()


def taken(flags):
    """All values of a command line."""
    parsed = experiments.parse(flags, "train", "")
    experiments.check(parsed)
    return {k: v for group in parsed.values.values() for k, v in group.items()}


@pytest.mark.parametrize("task, algorithm", METHODS)
def test_each_method_is_told_what_it_can_read(task, algorithm, monkeypatch):
    """In place of its network, on a machine with ImageNet weights or without."""
    own, other, network = DATA[task]
    flags = [f"--algorithm={algorithm}", "--data_dir=x", f"--dataset={own}"]
    advice = advised([*flags, f"--network={network}"])
    assert advice == ["--network=auto"]
    for there, name in zip((True, False), small_machines.NETWORKS[task]):
        monkeypatch.setattr(small_machines, "weights_are_there", lambda t=there: t)
        values = taken([*flags, *advice])
        assert values["network"] == name
        stages = [values.get(each) for each in ("base_steps", "round_steps")]
        assert (values["steps"] or sum(stages)) <= 2000

    flags[-1] = f"--dataset={other}"
    advice = advised([*flags, f"--network={network}"])
    plain = small_machines.NETWORKS[task][1]
    assert advice[0].startswith("--flagfile=") and advice[1:] == [f"--network={plain}"]
    values = taken([*flags, *advice])
    assert (values["network"], values["algorithm"]) == (plain, algorithm)
    # Whoever has the network need not give it.
    assert advised([*flags, *advice]) == advice[:1]


@pytest.mark.parametrize("dataset", ["multilabel_folder", "mask_folder", "coco"])
def test_all_data_of_ones_own_are_sent_to_what_fits_them(dataset):
    flags = [f"--dataset={dataset}", "--data_dir=x", "--algorithm=supervised"]
    network = DATA[experiments.task_of(dataset)][2]
    assert advised([*flags, f"--network={network}"]) == ["--network=auto"]


@pytest.mark.parametrize(
    "flags, name",
    [
        (["--algorithm=uda", "--dataset=digits"], "cpu_rows"),
        (["--algorithm=dmt", "--dataset=digits"], "cpu_rounds"),
        (["--algorithm=supervised", "--dataset=digit_scenes"], "small_segmenter"),
        (["--algorithm=dmt", "--dataset=digit_scenes"], "cpu_segmentation"),
        (["--algorithm=cbst", "--dataset=digit_scenes"], "cpu_segmentation_rounds"),
    ],
)
def test_others_are_sent_to_a_flagfile(flags, name):
    assert advised(flags)[0] == f"--flagfile=flags/base/{name}.flags"
