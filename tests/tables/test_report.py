"""What a report says: of errors and of mean IoU, and of rows that are quoted."""

from __future__ import annotations

import pytest

from mixdmt_tf import plots
from tests.tables import made_table
from tests.tables.made_table import Made

EXPLANATIONS = {
    "error": "Errors in percent on the test images: mean ± sample standard deviation "
    "over n seeds (1, 2, ...). Averaged and raw weights after the last step; the "
    "median is that of the last 20 evaluations of the averaged weights, or of all "
    "where there are fewer. In bold and drawn: averaged weights, which is what the "
    "published numbers are. Ours are at",
    "mean IoU": "Mean IoU in percent on the test images, higher is better: mean ± "
    "sample standard deviation over n seeds. Averaged and raw weights "
    "after the last step; where two models are trained, of the better one. In bold and "
    "drawn: averaged weights, which is what the published numbers are. Ours are at",
}
CELLS_OF_IOU = "1/20 | 55.62 | **68.50 ± 0.71 (n=2)** | 58.50 ± 0.71 | 10 | 0.01 |"


@pytest.fixture(name="drawn")
def fixture_drawn(monkeypatch):
    """Attributes of the last chart."""
    found = {}
    draw = plots.image

    def spy(chart):
        found.update(vars(chart), type=type(chart))
        return draw(chart)

    monkeypatch.setattr(plots, "DPI", 40)
    monkeypatch.setattr(plots, "image", spy)
    return found


def of_errors(root, shown="error"):
    ini = made_table.INI.replace("chart = lines", f"shown = {shown}")
    return Made(root, ini)


def of_iou(root, shown="miou"):
    ini = made_table.IOU_INI.replace("shown = miou", f"shown = {shown}")
    return Made(root, ini)


def test_words_of_a_table_of_errors(tmp_path, drawn):
    made = of_errors(tmp_path)
    text = made.report()
    assert (
        "\n| row | labels | published | ours (averaged weights) | raw weights | "
        "median of the last 20 evaluations | steps | hours a run | command |\n"
    ) in text
    assert f"\n{EXPLANATIONS['error']}" in text and "IoU" not in text
    assert (
        (made.folder / "table.csv")
        .read_text("utf-8")
        .startswith(
            "row,labels,published,published_std,n,failed,error_mean,error_std,raw_mean,"
            "raw_std,median20_mean,median20_std,steps,hours,command\n"
        )
    )
    assert drawn["y_label"] == "test error in percent (averaged weights; budget: cpu)"


def test_words_and_numbers_of_a_table_of_mean_iou(tmp_path, drawn):
    made = of_iou(tmp_path)
    assert made.execute() == 0
    text = made.report()
    assert (
        "\n| row | labels | published | ours (averaged weights) | raw weights | "
        "steps | hours a run | command |\n"
    ) in text
    assert f"\n{EXPLANATIONS['mean IoU']}" in text
    assert "rror" not in text and "median" not in text
    command = "bin/train --flagfile=flags/made/table_1/cpu/plain.flags"
    line = f"| Plain | {CELLS_OF_IOU} `{command} --labels=1/20 --seed=1` |"
    assert line in text.splitlines()
    assert (
        (made.folder / "table.csv")
        .read_text("utf-8")
        .startswith(
            "row,labels,published,published_std,n,failed,miou_mean,miou_std,"
            "miou_raw_mean,miou_raw_std,steps,hours,command\n"
        )
    )
    found = made.rows()["Clever", "1/20"]
    assert (found["published"], found["n"]) == ("55.62", "2")
    assert (found["miou_mean"], found["miou_raw_mean"]) == ("68.5", "58.5")
    said = "test mean IoU in percent (averaged weights; budget: cpu)"
    assert drawn["y_label"] == said


@pytest.mark.parametrize(
    "make, shown, bold, y_label, y",
    [
        (of_errors, "raw", "**22.50 ± 0.71 (n=2)**", "error in percent (raw w", 22.5),
        (
            of_errors,
            "median20",
            "**23.50 ± 0.71 (n=2)**",
            "error in percent (med",
            23.5,
        ),
        (
            of_iou,
            "miou_raw",
            "**58.50 ± 0.71 (n=2)**",
            "mean IoU in percent (raw",
            58.5,
        ),
    ],
)
def test_another_number_may_be_shown(make, shown, bold, y_label, y, tmp_path, drawn):
    """It comes first, bold and with n; it is what is drawn and explained."""
    made = make(tmp_path, shown)
    assert made.execute() == 0
    text = made.report()
    number = made.table.numbers[0]
    assert number.key == shown and text.count("**") == 2 * text.count("(n=2)") == 8
    titles, line = (
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in text.splitlines()
        if line.startswith(("| row |", "| Clever | " + made.table.columns[0]))
    )
    at = titles.index("published") + 1
    assert (titles[at], line[at]) == (f"ours ({number.title})", bold)
    assert {"averaged weights", "raw weights"} - {*titles[at + 1 :]} <= {number.title}
    assert f"In bold and drawn: {number.title}, which is what the pub" in text
    csv = (made.folder / "table.csv").read_text("utf-8")
    assert f",failed,{shown}_mean,{shown}_std," in csv.splitlines()[0]
    assert f"({number.title}; budget: cpu)" in drawn["y_label"]
    assert drawn["y_label"].startswith(f"test {y_label}")
    assert drawn["series"][-1].points[0].y == y


@pytest.mark.parametrize("style, log_x", [("lines", False), ("log_lines", True)])
def test_a_chart_of_lines(style, log_x, tmp_path, drawn):
    ini = made_table.INI.replace("chart = lines", f"chart = {style}")
    made = Made(tmp_path, ini)
    assert made.execute() == 0
    made.report()
    assert (drawn["type"], drawn["log_x"]) == (plots.LineChart, log_x)
    assert (drawn["x_label"], drawn["x_ticks"]) == ("labels", [20.0, 50.0])
    assert [each.label for each in drawn["series"]] == ["Plain", "Clever"]
    ours = drawn["series"][0].points
    assert [(each.x, each.y) for each in ours] == [(20.0, 21.5), (50.0, 21.5)]
    assert drawn["series"][1].published == [plots.Point(20.0, 12.3, 1.2)]


def test_a_quoted_row_stands_beside_ours(tmp_path, drawn):
    made = of_iou(tmp_path)
    assert made.execute() == 0
    lines = made.report().splitlines()
    at = lines.index(
        "| Theirs et al. (v2) | 1/20 | 64.7 ± 0.3 | - | - | - | - | "
        "(quoted from the paper) |"
    )
    assert lines[at - 1].startswith("| --- |")  # the first of the rows, as in table.ini
    assert lines[at + 1].startswith("| Theirs et al. (v2) | 1/8 | not published | - |")
    found = made.rows()["Theirs et al. (v2)", "1/20"]
    assert (found["published"], found["published_std"]) == ("64.7", "0.3")
    assert (found["n"], found["miou_mean"], found["steps"]) == ("0", "", "")
    assert found["command"] == "(quoted from the paper)"
    theirs, ours = drawn["series"][:2]
    assert (theirs.label, theirs.points) == ("Theirs et al. (v2)", [])
    assert theirs.published == [plots.Point(0.0, 64.7, 0.3)]
    assert ours.points and drawn["groups"] == ("1/20", "1/8")


def test_a_row_without_a_flagfile_at_this_budget_is_another_thing(tmp_path):
    made = of_iou(tmp_path)
    (made.table.folder / "cpu" / "plain.flags").unlink()
    del made.cells["plain", "1/20"], made.cells["plain", "1/8"]
    line = "| Plain | 1/20 | 55.62 | - | - | - | - | (no flagfile at the budget cpu) |"
    assert line in made.report().splitlines()


def test_rows_that_the_papers_table_lacks_are_marked(tmp_path, drawn):
    """Their published numbers, if any, stand elsewhere."""
    words = "The rows marked (beside) are not in the paper's table"
    assert words not in of_errors(tmp_path / "all").report()
    made = Made(tmp_path, made_table.adding("row clever", "beside = true"))
    text = made.report()
    assert words in text
    assert "| Clever (beside) | 20 | 12.3 ± 1.2 |" in text and "| Plain | 20 |" in text
    assert ("Clever (beside)", "20") in made.rows()
    assert [each.label for each in drawn["series"]] == ["Plain", "Clever (beside)"]


def test_commands_repeat_the_runs(tmp_path):
    """With all that was handed on to them, whatever is in the names of files."""
    ini = made_table.adding("row plain", "weights = coco")
    more = "weights = 20: coco imagenet; 50: coco\nfirst = plain"
    ini = made_table.adding("row clever", more, ini)
    files = {"coco": "x.npz", "imagenet": "it's.npz"}
    made = Made(tmp_path, ini, "paper", ["--data_dir=a b/c"], files)
    text, rows = made.report(), made.rows()
    flagfile = "bin/train --flagfile=flags/made/table_1"
    data = "'--data_dir=a b/c'"  # as a shell wants it
    before = made.cells["plain", "20"].run_folder(1)
    expected = {
        "Plain": f"{flagfile}/plain.flags {data} --pretrained=x.npz "
        "--labels=20 --seed=1",
        "Clever": f"{flagfile}/clever.flags {data} --pretrained=x.npz "
        "'--pretrained_b=it'\"'\"'s.npz' "
        f"--labels=20 --seed=1 --init_from={before}",
    }
    for label, command in expected.items():
        assert rows[label, "20"]["command"] == command
        assert f"| `{command}` |" in text
    assert "--pretrained_b" not in rows["Clever", "50"]["command"]


def test_networks_start_from_random_weights_at_the_budget_of_a_cpu(tmp_path):
    ini = made_table.adding("row plain", "weights = coco")
    made = Made(tmp_path, ini, weights={"coco": "x.npz"})
    made.report()
    assert "pretrained" not in made.rows()["Plain", "20"]["command"]
