"""Entries of `rounds` with made-up numbers."""

from __future__ import annotations

NAMES = ("confidence.png", "pseudo_labels.png", "rounds.png")
BASE = {"a": 30.0, "b": 35.0}


def a_round(number, error_of_all, model="a", two=False, **more):
    """An entry of `rounds` whose errors grow evenly with the share."""
    found = {
        "stage": f"round_{number}_{model}" if two else f"round_{number}",
        "round": number,
        "model": model,
        "pseudo_labels": 100 * number,
        "pseudo_accuracy": 99.0 - number,
        "accuracy_of_all": 100.0 - error_of_all,
        "cases": {"agree": 90.0, "negative": 8.0, "positive": 2.0},
        "mean_weight": 0.5,
        "weight_right": 0.6,
        "weight_wrong": 0.2,
        "test_error": 25.0 - 5 * number,
        "bins": [
            {"low": 0.4, "high": 0.5, "images": 50, "accuracy": 20.0},
            {"low": 0.8, "high": 0.9, "images": 70, "accuracy": 60.0},
        ],
        "error_of_top": {
            share: error_of_all * share / 100 for share in (20, 40, 60, 80, 100)
        },
    }
    return {**found, **more}


def three():
    return [a_round(1, 40.0), a_round(2, 20.0), a_round(3, 10.0)]


def mutual():
    errors = {"a": (40.0, 30.0), "b": (20.0, 10.0)}
    return [
        a_round(number, errors[model][number - 1], model, two=True)
        for number in (1, 2)
        for model in ("b", "a")
    ]


def unknown(number=1):
    nobody = {"agree": None, "negative": None, "positive": None}
    return a_round(
        number,
        0.0,
        **dict.fromkeys(("pseudo_accuracy", "accuracy_of_all", "test_error")),
        **dict.fromkeys(("mean_weight", "weight_right", "weight_wrong")),
        cases=nobody,
        bins=[],
        error_of_top=dict.fromkeys((20, 40, 60, 80, 100)),
    )


def pngs(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.png"))}
