"""Entries of `rounds` on images with made-up numbers."""

from __future__ import annotations

CLASSES = ("sky", "road", "car")
BASES = {"a": 30.0, "b": 35.0}


def a_round(number, model="a", two=True, **more):
    """An entry whose numbers grow evenly with the round."""
    found = {
        "stage": f"round_{number}_{model}" if two else f"round_{number}",
        "round": number,
        "model": model,
        "teacher": "base_b",
        "share_labeled": 20.0 * number,
        "pseudo_accuracy": 99.0 - number,
        "accuracy_of_all": 70.0 + 5 * number,
        "cases": {"agree": 90.0, "negative": 8.0, "positive": 2.0},
        "mean_weight": 0.5,
        "weight_right": 0.6,
        "weight_wrong": 0.2,
        "test_miou": 40.0 + 5 * number,
        "validation_miou": 41.0 + 5 * number,
        "test_iou": {"sky": 50.0, "road": None, "car": 1.5},
        "share_by_class": dict.fromkeys(CLASSES, 20.0),
    }
    return {**found, **more}


def mutual(rounds=2):
    """Rounds of two models in the order in which they are trained."""
    return [a_round(number, m) for number in range(1, rounds + 1) for m in "ba"]
