"""What magnitudes mean."""

import numpy as np
import pytest

from mixdmt_tf.data.augment import ranges
from mixdmt_tf.data.augment.operations import NAMES
from tests.oracles import image_operations as oracle

TABLES = {
    "released": ranges.RELEASED,
    "fixmatch": ranges.FIXMATCH,
    "dmt": ranges.DMT,
    "dmt as released": ranges.DMT_AS_RELEASED,
}


def values(table, name, magnitudes, negative=False, size=(32, 32)):
    """Parameters of one operation: float32 array."""
    place = [row.name for row in table].index(name)
    magnitudes = np.asarray(magnitudes, np.float32)
    chosen = np.full(len(magnitudes), place, np.int32)
    minus = np.full(len(magnitudes), negative)
    images = np.zeros((len(magnitudes), *size, 3), np.uint8)
    return ranges.parameters(table, chosen, magnitudes, minus, images).numpy()


@pytest.mark.parametrize("table", TABLES)
def test_operations_exist_and_come_once(table):
    names = [row.name for row in TABLES[table]]
    assert set(names) <= set(NAMES)
    assert len(set(names)) == len(names)


def test_number_of_operations():
    """UDA's 15 and the identity, FixMatch's 14, DMT's 16."""
    assert [row.name for row in ranges.RELEASED][1:] == list(oracle.UDA)
    assert [row.name for row in ranges.DMT_AS_RELEASED] == list(oracle.DMT_AS_RELEASED)
    assert len(ranges.FIXMATCH) == 14
    assert not {row.name for row in ranges.FIXMATCH} & {"invert", "cutout"}


@pytest.mark.parametrize("size", [(32, 32), (64, 96)])
@pytest.mark.parametrize("name", oracle.UDA)
def test_released_magnitudes(name, size):
    """All of 0 to 10, as UDA's and AutoAugment's code calculates them."""
    expected = [oracle.UDA[name](level, *size) for level in range(11)]

    made = values(ranges.RELEASED, name, range(11), size=size)

    np.testing.assert_allclose(made, expected, rtol=1e-6)


@pytest.mark.parametrize("name", oracle.DMT_AS_RELEASED)
def test_magnitudes_of_dmt(name):
    """As its code calculates them."""
    expected = [oracle.DMT_AS_RELEASED[name](m, 32, 32) for m in range(11)]

    made = values(ranges.DMT_AS_RELEASED, name, range(11))

    np.testing.assert_allclose(made, expected, rtol=1e-6)


def test_dmt_moves_by_a_share_of_the_image():
    """30 % at most; 100 pixels as released would leave nothing of 32."""
    for name, size in (("translate_x", (16, 32)), ("translate_y", (32, 16))):
        made = values(ranges.DMT, name, [0, 5, 10], size=size)
        np.testing.assert_allclose(made, [0, 4.8, 9.6], rtol=1e-6)
    same = [a == b for a, b in zip(ranges.DMT, ranges.DMT_AS_RELEASED)]
    assert same == [True] * 13 + [False] * 3  # Cutout, too


@pytest.mark.parametrize(
    "name, low, high",
    [
        ("rotate", 0, 30),
        ("solarize", 0, 256),
        ("color", 0.05, 0.95),
        ("contrast", 0.05, 0.95),
        ("brightness", 0.05, 0.95),
        ("sharpness", 0.05, 0.95),
        ("shear_x", 0, 0.3),
        ("shear_y", 0, 0.3),
        ("translate_x", 0, 0.3 * 48),
        ("translate_y", 0, 0.3 * 32),
    ],
)
def test_magnitudes_of_fixmatch(name, low, high):
    made = values(ranges.FIXMATCH, name, [0, 5, 10], size=(32, 48))

    np.testing.assert_allclose(made, [low, (low + high) / 2, high], rtol=1e-6)


def test_fixmatch_keeps_four_to_eight_bits():
    """All equally often."""
    magnitudes = (np.arange(1000) + 0.5) / 100
    made = values(ranges.FIXMATCH, "posterize", magnitudes)

    assert np.unique(made, return_counts=True)[1].tolist() == [200] * 5
    assert set(made) == {4, 5, 6, 7, 8}


@pytest.mark.parametrize("table", TABLES)
def test_the_sign(table):
    """What has two directions goes in both; a factor or a threshold does not."""
    for row in TABLES[table]:
        plus = values(TABLES[table], row.name, [0, 3, 10])
        minus = values(TABLES[table], row.name, [0, 3, 10], negative=True)
        signed = row.name in oracle.SIGNED
        np.testing.assert_array_equal(minus, -plus if signed else plus)


def test_named():
    """In the order asked for."""
    first, second = ranges.named(ranges.RELEASED, "rotate", "identity")
    assert (first.name, second.name) == ("rotate", "identity")
