"""The index says of each equation where in a paper it stands, as its docstring does."""

from __future__ import annotations

import importlib
import re

import pytest

from mixdmt_tf.equations import index

# What stands before a number in the index, and in prose.
PLACES = {
    "": "sections?",
    "Eq. ": r"eq\.|equations?",
    "Alg. ": "algorithms?",
    "Prop. ": "propositions?",
}
NUMBER = r"\d+(?:\.\d+)*"


def numbers(text):
    """'1, 4' or '4 to 7' -> the numbers, with those between them."""
    found = set(re.findall(NUMBER, text))
    for first, last in re.findall(r"\b(\d+)(?:-| to )(\d+)\b", text):
        found |= {str(n) for n in range(int(first), int(last) + 1)}
    return found


def cited(source):
    """'RealMix 3.5, FixMatch Eq. 4' -> [('', {'3.5'}), ('Eq. ', {'4'})]."""
    source = re.sub(r"\b\d{4}\b", "", source)  # years
    kinds = r"(?<!\w)(Eq\. |Alg\. |Prop\. |Fig\. |Tables |)"
    series = rf"{kinds}({NUMBER}(?:(?:, |-){NUMBER})*)"
    return [
        (place, numbers(found))
        for place, found in re.findall(series, source)
        if place in PLACES
    ]


def told(text, place):
    """The numbers that prose gives of a kind of places."""
    series = rf"\b(?:{PLACES[place]})\s+({NUMBER}(?:(?:,| and| to)\s+{NUMBER})*)"
    found = [numbers(each) for each in re.findall(series, text, re.IGNORECASE)]
    return set().union(*found)


ROWS = re.findall(r"^(.+?)(?::| {2}).*`(\w+)\.(\w+)`$", index.__doc__, re.MULTILINE)


def test_every_row_is_read():
    """As many rows as names, and the numbers of some of them."""
    assert len(ROWS) == len(re.findall(r"^.*`\w+\.\w+`$", index.__doc__, re.MULTILINE))
    assert cited("RealMix 3.4, 3.5") == [("", {"3.4", "3.5"})]
    assert cited("Liu et al. 2020, DMT Eq. 4-6") == [("Eq. ", {"4", "5", "6"})]
    assert told("Equations 4 to 6 of section 3.2, algorithm 1.", "Eq. ") == set("456")


@pytest.mark.parametrize("source, module, name", ROWS)
def test_the_index_and_the_docstring_cite_the_same_place(source, module, name):
    """Of a number in the index the docstring of function or module has it, too."""
    holder = importlib.import_module(f"mixdmt_tf.equations.{module}")
    text = " ".join(f"{getattr(holder, name).__doc__} {holder.__doc__}".split())
    for place, found in cited(source):
        assert found <= told(text, place), (place, found, told(text, place))
