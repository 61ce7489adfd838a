"""Images to rank methods by."""

import pytest

from mixdmt_tf.errors import UsageError, UserError
from mixdmt_tf.tables import contest_report


def data(folder, **more):
    given = {"dataset": "folder", "data_dir": str(folder)}
    return {**given, "labels": None, "validation": None, **more}


@pytest.mark.parametrize("validation", [None, 0])
def test_a_folder_without_images_to_rank_by_is_refused_before_any_run(
    validation, tmp_path
):
    (tmp_path / "labeled").mkdir()
    with pytest.raises(UsageError, match="nothing to rank by.\n.*--validation=100"):
        contest_report.require_measure(data(tmp_path, validation=validation))


def test_folders_with_such_images(tmp_path):
    contest_report.require_measure(data(tmp_path, validation=10))
    contest_report.require_measure(data(tmp_path, labels=40))
    contest_report.require_measure(data(tmp_path, dataset="cifar10"))
    (tmp_path / "val").mkdir()
    contest_report.require_measure(data(tmp_path))


def test_tested_on_validation_images_the_measure_is_theirs():
    run = {"test_error": 2.0, "validation_error": 3.0}
    assert contest_report.measured([run, run]) == "test_error"
    own = {**run, "test_set": "validation"}
    assert contest_report.measured([run, own]) == "validation_error"
    with pytest.raises(UserError, match="nothing to rank by"):
        contest_report.measured([run, {}])
