"""`--max_minutes`: steps from measured ones, without a trace in the run."""

from __future__ import annotations

import re
import types

import pytest

from mixdmt_tf.errors import UserError
from mixdmt_tf.rounds import loop
from mixdmt_tf.runs.experiment import parse
from mixdmt_tf.runs.pace import Pace
from mixdmt_tf.tasks import budget, fit, open_task
from tests.tasks.classification import tiny
from tests.tasks.segmentation import short

MINUTE = ("--max_minutes=1", "--steps=none", "--eval_every=none", "--noexport")
SINGLE = (*MINUTE, tiny.SUPERVISED)  # the method with the smallest graph


class Fixed(Pace):
    """A machine on which every step takes 5 s and every evaluation 2 s."""

    seconds_per_step = 5.0
    seconds_per_evaluation = 2.0


@pytest.fixture(name="slow")
def fixture_slow(monkeypatch):
    for module in (budget, loop):
        monkeypatch.setattr(module, "Pace", Fixed)


def flags_of(folder):
    return parse((folder / "flags.txt").read_text(encoding="utf-8"))


@pytest.mark.parametrize("limit, found", [(0, 1), (9.9, 3), (10, 4), (11, 4)])
def test_the_most_steps_that_fit(limit, found):
    assert budget.most(lambda steps: 2.5 * steps, limit) == found


def test_without_max_minutes_nothing_is_measured(tmp_path):
    task = open_task(tiny.experiment(tmp_path))
    assert budget.within_minutes(task, None) is task.experiment
    both = tiny.experiment(tmp_path).replace({"max_minutes": 1.0})  # and steps
    assert budget.within_minutes(open_task(both), None) is both


def with_split(held_out, **fields):
    """A task whose split has so many validation images."""
    split = types.SimpleNamespace(own_validation=False, validation=range(held_out))
    return types.SimpleNamespace(draw_split=lambda: split, **fields)


@pytest.mark.parametrize(
    "more, expected",
    [
        ("--ood_score=frozen --ood_scores_from=RUN --ood_rate=0.3", ("softmax", 0.3)),
        ("--ood_score=domain --ood_rate=auto", ("softmax", 0.5)),
        ("--ood_score=knn --ood_scores=FILE --ood_rate=0.3", ("knn", 0.3)),
    ],
)
def test_what_a_mask_finds_before_the_first_step_is_no_step(more, expected):
    experiment = tiny.experiment("runs/x", *more.split())
    method = experiment.replace(budget._quick_mask(experiment.method)).method
    assert (method.ood_score, method.ood_rate) == expected
    assert method.ood_scores == method.ood_scores_from == ""


def test_evaluations_are_counted():
    """Of test images and of those that are held out of the training images."""
    experiment = tiny.experiment("runs/x", "--steps=none", "--eval_every=10")
    source = types.SimpleNamespace(test=range(80), validation=None)
    task = with_split(20, experiment=experiment, source=source)
    seconds = budget.cost(task, {"run": Fixed()}, few=50)
    assert seconds(10) == 10 * 5 + 1 * 100 / 50 * 2
    assert seconds(11) == 11 * 5 + 2 * 100 / 50 * 2


def test_the_comparison_with_labels_alone_is_counted():
    """It has as many steps and evaluations, and of each step the labelled images."""
    source = types.SimpleNamespace(test=range(100), validation=None)

    def seconds(*flags):
        flags = ("--steps=none", "--eval_every=10", *flags)
        task = with_split(0, experiment=tiny.experiment("x", *flags), source=source)
        return budget.cost(task, {"run": Fixed()}, few=100)(10)

    alone = 10 * 5 + 2
    assert seconds("--guesses=1") == alone
    # A labelled image, and K copies of an unlabelled one.
    assert seconds("--guesses=1", "--compare_supervised") == alone + 10 * 5 / 2 + 2
    assert seconds(tiny.SUPERVISED, "--compare_supervised") == alone


def cost_of_two_rounds(*flags):
    """From a number of steps to the seconds of DMT on 60 images."""
    rounds = ("--algorithm=dmt", "--steps=none", "--rounds=2")
    experiment = tiny.experiment("runs/x", *rounds, *flags)
    source = types.SimpleNamespace(test=range(10), validation=None, train=range(60))
    task = with_split(0, experiment=experiment, source=source)
    return budget.cost(task, {"base": Fixed(), "round_1": Fixed()}, few=10)


def test_of_rounds_every_stage_and_its_labels_are_counted():
    seconds = cost_of_two_rounds("--eval_every=5")
    # Three stages of 5 steps with an evaluation each, and two times 60 labels.
    assert seconds(15) == 3 * (5 * 5 + 2) + 2 * 60 / 10 * 2
    some = cost_of_two_rounds("--eval_every=5", "--candidates=20")
    assert some(15) == 3 * (5 * 5 + 2) + 2 * 20 / 10 * 2


@pytest.mark.parametrize("suffixes", [("",), ("_a", "_b")])
def test_lengths_of_rounds_are_proportions(suffixes, monkeypatch, capsys):
    """Rounds get the minutes, too, whatever steps a flagfile has for them."""
    names = [f"{kind}{each}" for kind in ("base", "round_1") for each in suffixes]
    paces = {name: Fixed() for name in names}
    monkeypatch.setattr(budget, "measured", lambda task, train: (paces, 10))
    flags = ("--base_steps=300", "--round_steps=400", "--rounds=3", "--steps=none")
    flags += (f"--models={len(suffixes)}", "--eval_every=5000", "--algorithm=dmt")
    given = tiny.experiment("runs/x", *flags).replace({"max_minutes": 300.0})
    chosen = budget.within_minutes(open_task(given), None)
    base, each = chosen.method.base_steps, chosen.method.round_steps
    assert (chosen.run.steps, chosen.method.rounds) == (None, 3)
    assert each / base == pytest.approx(4 / 3, rel=0.01)
    assert f"--base_steps={base} --round_steps={each}" in capsys.readouterr().out
    seconds = budget.cost(open_task(given), paces, 10)(
        len(suffixes) * (base + 3 * each)
    )
    assert seconds == pytest.approx(300 * 60, rel=0.01)


def test_a_base_model_that_is_given_takes_no_time():
    seconds = cost_of_two_rounds("--init_from=runs/b")
    assert seconds(15) == 2 * (5 * 5 + 2 * 2) + 2 * 60 / 5


def test_one_round_on_given_labels_is_measured_as_a_round(tmp_path, monkeypatch):
    """The labels are of other images than the few that are measured with."""
    seen = []

    class Loop:
        def __init__(self, task, path, train):
            seen.append(task.experiment)

        def complete(self):
            pass

    monkeypatch.setattr(budget, "Loop", Loop)
    flags = ("--algorithm=dmt", "--augment=none", "--base_batch=8", *MINUTE)
    more = ("--unlabeled_ratio=2", "--pseudo_labels=labels.npz")
    more += ("--models=2", "--difference_share=0.8")
    task = open_task(tiny.experiment(tmp_path, *flags, *more))
    budget.measured(task, None)
    (found,) = seen
    assert found.in_rounds and (found.method.rounds, found.method.models) == (1, 1)
    assert found.method.difference_share is None
    seconds = budget.cost(task, {"base": None, "round_1": Fixed()}, few=355 + 50)
    assert seconds(10) == pytest.approx(10 * 5 + 10 * 2)


def test_the_run_is_the_one_with_the_chosen_steps(slow, tmp_path, capsys):
    """Whatever was measured before, it begins with the same weights and batches."""
    with tiny.Watch() as measured:
        fit.train(tiny.experiment(tmp_path / "a", *SINGLE))
    said = capsys.readouterr().out
    steps = flags_of(tmp_path / "a")["steps"]
    assert f"--max_minutes=1: --steps={steps}, about " in said
    assert 2 <= int(steps) <= 12
    with tiny.Watch() as plain:
        fit.train(tiny.experiment(tmp_path / "b", *SINGLE[2:], f"--steps={steps}"))
    assert measured.last_digest() == plain.last_digest()
    assert len(measured.algorithms) == 2 and len(plain.algorithms) == 1


def stopped(*_):
    raise UserError("here the first step would be")


def begun(folder, capsys, monkeypatch, *flags):
    """What a run says before its first step."""
    monkeypatch.setattr(fit.Session, "complete", stopped)
    monkeypatch.setattr(loop.Loop, "complete", stopped)
    with pytest.raises(UserError, match="here the first step"):
        fit.train(tiny.experiment(folder, *flags))
    return capsys.readouterr().out


def timing(monkeypatch, *names):
    """Fixed paces in place of measured ones, and how often that was done."""
    calls = []

    def measured(task, train):
        calls.append(task.experiment)
        return {name: Fixed() for name in names}, 405

    monkeypatch.setattr(budget, "measured", measured)
    return calls


def test_before_the_first_step_of_a_length_that_nobody_chose(
    tmp_path, capsys, monkeypatch
):
    """A few steps are timed, once, and what fits is said."""
    calls = timing(monkeypatch, "run")
    flags = ("--steps=none", "--eval_every=none", tiny.SUPERVISED)
    said = begun(tmp_path, capsys, monkeypatch, *flags)
    # 524,288 steps of 5 s and 512 evaluations of 2 s.
    assert "\n524,288 steps with 4,194,304 images, the default, take about 30 d" in said
    assert "\nin an hour fit 715 steps: --max_minutes=60 in another --workdir" in said
    assert len(calls) == 1 and calls[0].run.precision == "float32"
    (tmp_path / "split.json").touch()  # as soon as the run has begun
    assert "steps with" not in begun(tmp_path, capsys, monkeypatch, *flags)
    begun(tmp_path / "b", capsys, monkeypatch, tiny.SUPERVISED)  # with --steps
    assert len(calls) == 1


def test_before_the_first_step_of_rounds(tmp_path, capsys, monkeypatch):
    """Passes over the data determine their lengths, which differ by round."""
    calls = timing(monkeypatch, "base", "round_1")
    flags = {each.partition("=")[0]: each for each in tiny.ROUNDS}
    changed = ("--base_steps", "--round_steps", "--eval_every")
    flags.update({name: f"{name}=none" for name in changed})
    flags = [*flags.values(), "--base_epochs=1", "--round_epochs=3"]
    said = begun(tmp_path, capsys, monkeypatch, *flags)
    found = re.search(r"\n(\S+) steps with \S+ images, the default, take about", said)
    steps = int(found.group(1))
    # Of 1,372 unlabelled images a half and all, 16 a step; 8 passes of 3 of the base.
    assert steps == 3 * (43 + 86) + 8 * 3 and len(calls) == 1
    begun(tmp_path / "b", capsys, monkeypatch, *tiny.ROUNDS)
    assert len(calls) == 1


def test_a_few_steps_are_really_timed(tmp_path, capsys):
    """And nothing is said of them but how long the run takes."""
    flags = ("--steps=none", tiny.SUPERVISED)
    with tiny.Watch({("progress", budget.STEPS + 1): stopped}) as watch:
        with pytest.raises(UserError, match="here the first step"):
            fit.train(tiny.experiment(tmp_path, *flags))
    said = capsys.readouterr().out
    assert said.count("524,288 steps with") == said.count("parameters") == 1
    assert watch.steps[: budget.STEPS + 1] == [*range(1, budget.STEPS + 1), 1]


def test_a_resumed_run_keeps_its_steps(tmp_path, monkeypatch, slow):
    fit.train(tiny.experiment(tmp_path, *SINGLE))
    before = flags_of(tmp_path)
    monkeypatch.setattr(budget, "measured", None)  # nothing is measured again
    outcome = fit.train(tiny.experiment(tmp_path, *SINGLE))
    assert flags_of(tmp_path) == before
    assert outcome["steps"] == int(before["steps"])
    with pytest.raises(UserError, match="not given --max_minutes=2.0, but 1.0"):
        fit.train(tiny.experiment(tmp_path, "--max_minutes=2", *SINGLE[1:]))
    longer = str(outcome["steps"] + 1)
    fit.train(tiny.experiment(tmp_path, *SINGLE[2:], f"--steps={longer}"))
    assert flags_of(tmp_path)["steps"] == longer


@pytest.mark.long
def test_rounds_are_divided(slow, tmp_path, capsys, monkeypatch):
    """Here of a model that has a base and rounds, in the proportion of 3 to 1."""
    flags = ("--algorithm=cbst", "--rounds=1", *short.ROUNDS, *MINUTE)
    experiment = short.experiment(
        tmp_path, *flags[:-1], "--max_minutes=none", "--base_steps=6", "--round_steps=2"
    ).replace({"max_minutes": 1.0, "export": False})
    with short.few_samples():
        outcome = fit.train(experiment)
        monkeypatch.setattr(budget, "measured", None)  # nothing is measured again
        assert fit.train(experiment) == outcome
    flags = flags_of(tmp_path)
    assert int(flags["base_steps"]) == pytest.approx(3 * int(flags["round_steps"]), 1)
    assert flags["steps"] == "none" and "--max_minutes=1: " in capsys.readouterr().out
    rounds = int(flags["rounds"])
    each = int(flags["base_steps"]) + rounds * int(flags["round_steps"])
    assert outcome["steps"] == each <= 12
