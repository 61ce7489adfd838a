"""Tables of the papers: their rows, what they compare, what networks start from."""

from __future__ import annotations

import pytest

from mixdmt_tf.cli import experiments
from mixdmt_tf.tables import cells, table_ini
from mixdmt_tf.tables.cells import Cell
from tests.conformance.test_flagfiles import FOLDER, parse

FILES = {"coco": "coco.npz", "imagenet": "imagenet.npz"}

# Rows of the papers' own tables; there is a flagfile of each, or it is quoted.
PAPERS_ROWS = {
    "realmix/1": "mean_teacher mixmatch realmix",
    "realmix/2": "pi_model vat mean_teacher mixmatch realmix",
    "realmix/3": "pi_model vat mean_teacher mixmatch realmix",
    "realmix/4": "tl_finetuning mixmatch realmix realmix_tl",
    "realmix/5": "full simple_augmentation copies_25",
    "realmix/6": "ood_75 ood_other no_mask",
    "dmt/2": "baseline curriculum_labeling dmt",
    "dmt/3": "baseline mean_teacher deep_co_training dual_student mixmatch dag "
    "curriculum_labeling dmt",
    "dmt/4": "baseline mean_teacher hung s4gan cutmix cct gct dmt",
    "dmt/5": "baseline dmt oracle",
    "dmt/6": "baseline hung s4gan cutmix dmt",
    "dmt/7": "baseline online_st cbst dst dmt_naive dmt dmt_flip",
}


def of_papers():
    """Tables that are numbered; the others are of no paper."""
    return [name for name in table_ini.find(FOLDER) if name.split("/")[1].isdigit()]


def test_there_is_a_list_for_each_table():
    assert sorted(of_papers()) == sorted(PAPERS_ROWS)


@pytest.mark.parametrize("name", PAPERS_ROWS)
def test_rows_that_are_said_to_be_the_papers_are(name):
    table = table_ini.load(FOLDER, name)
    claimed = [row.name for row in table.rows.values() if not row.beside]
    assert claimed == PAPERS_ROWS[name].split()


@pytest.mark.parametrize("name", PAPERS_ROWS)
def test_tables_compare_what_is_published(name):
    """RealMix evaluates as MixMatch does, DMT the last weights (its section 5.2.3)."""
    expected = {"realmix": "median20", "dmt": "miou" if name > "dmt/3" else "error"}
    table = table_ini.load(FOLDER, name)
    assert table.shown == table.numbers[0].key == expected[name.split("/")[0]]


# Weights and normalization of network A, weights and normalization of network B.
COCO, IMAGENET = ("coco", "coco"), ("imagenet", "imagenet")
STARTS = {
    # Table, row, columns: A, B.
    ("dmt/4", "baseline", "1/106 1/50 1/20 1/8 1/1"): (COCO, None),
    ("dmt/4", "mean_teacher", "1/106 1/50 1/20 1/8 1/1"): (COCO, None),
    ("dmt/4", "hung", "1/106 1/50 1/20 1/8 1/1"): (COCO, None),
    ("dmt/4", "s4gan", "1/106 1/50 1/20 1/8 1/1"): (COCO, None),
    ("dmt/4", "gct", "1/106 1/50 1/20 1/8 1/1"): (COCO, None),
    ("dmt/4", "cutmix", "1/106 1/50 1/20 1/8 1/1"): (IMAGENET, None),
    # PixelSSL gives COCO's weights images as ImageNet's want them.
    ("dmt/4", "cct", "1/106 1/50 1/20 1/8 1/1"): (("coco", "imagenet"), None),
    ("dmt/4", "dmt", "1/1"): (COCO, None),
    ("dmt/4", "dmt", "1/106 1/50"): (COCO, COCO),
    ("dmt/4", "dmt", "1/20 1/8"): (COCO, IMAGENET),
    ("dmt/5", "baseline", ""): (COCO, None),
    ("dmt/5", "dmt", ""): (COCO, IMAGENET),
    ("dmt/5", "oracle", ""): (COCO, None),
    ("dmt/6", "baseline", "1/30 1/8 1/1"): (COCO, None),
    ("dmt/6", "hung", "1/30 1/8 1/1"): (COCO, None),
    ("dmt/6", "s4gan", "1/30 1/8 1/1"): (IMAGENET, None),
    ("dmt/6", "cutmix", "1/30 1/8 1/1"): (IMAGENET, None),
    ("dmt/6", "dmt", "1/1"): (COCO, None),
    ("dmt/6", "dmt", "1/30 1/8"): (COCO, IMAGENET),
    ("dmt/7", "baseline", "1/20 1/50"): (COCO, None),
    ("dmt/7", "control", "1/20 1/50"): (COCO, None),
    ("dmt/7", "online_st", "1/20 1/50"): (COCO, None),
    ("dmt/7", "cbst", "1/20 1/50"): (COCO, None),
    ("dmt/7", "dst", "1/20 1/50"): (COCO, None),
    ("dmt/7", "dmt_naive", "1/20 1/50"): (COCO, COCO),
    ("dmt/7", "dmt", "1/20 1/50"): (COCO, COCO),
    ("dmt/7", "dmt_flip", "1/20 1/50"): (COCO, COCO),
}


def starts(cell: Cell):
    """What the networks of a cell's run start from, read from its command line."""
    flagfile, *more = cell.flags
    experiment = experiments.build(parse(flagfile.partition("=")[2], *more))
    networks = [experiment.network]
    if getattr(experiment.method, "models", 1) == 2:
        networks.append(experiment.network.second())
    kinds = {file: kind for kind, file in FILES.items()}
    found = [
        (kinds.get(each.pretrained), getattr(each, "normalization", "imagenet"))
        for each in networks
    ]
    if cell.first is None:
        return found
    # It starts from the run that it is handed, and a file of its own is not read.
    (before,) = starts(cell.first)
    (own,) = found
    assert own[0] in (None, before[0])
    return [(before[0], own[1])]


@pytest.mark.parametrize("name", ["dmt/4", "dmt/5", "dmt/6", "dmt/7"])
def test_networks_start_from_the_weights_that_their_images_are_normalized_for(name):
    expected = {
        (row, column): [each for each in networks if each]
        for (table, row, columns), networks in STARTS.items()
        for column in columns.split() or [""]
        if table == name
    }
    table = table_ini.load(FOLDER, name)
    found = cells.cells(table, "paper", FOLDER, lambda _: (None, {}), [], FILES)
    assert {place: starts(cell) for place, cell in found.items()} == expected
