"""Tests that `make test` leaves out, and `make test-long` runs.

They ask the same of every method, network or file; of each such sweep the cases that
are named here are always tried, the others are long. Of the tests without cases those
are long that take seconds for what is rarely touched.
"""

from __future__ import annotations

# By file and function; of a test with cases those that are no long ones.
LONG = {
    "conformance/test_runs.py": {
        "test_resumed_equals_uninterrupted_and_export_equals_model": (
            *("realmix", "mean_teacher", "temporal_ensembling", "dual_student"),
        )
    },
    "conformance/test_runs_in_rounds.py": {
        "test_resumed_equals_uninterrupted_and_export_equals_model": ("mixdmt",)
    },
    "conformance/test_algorithms.py": {
        "test_loss_falls_on_data_that_can_be_memorized": (
            *("supervised", "realmix", "fixmatch", "mean_teacher", "dmt", "mixdmt"),
        ),
        "test_half_precision_computes_nearly_the_same_loss": (
            *("mixed_bfloat16-realmix", "mixed_float16-realmix"),
            *("mixed_bfloat16-dmt", "mixed_float16-dmt"),
            *("mixed_bfloat16-fixmatch", "mixed_bfloat16-deep_co_training"),
        ),
    },
    "conformance/test_replicas.py": {
        "test_two_replicas_equal_one": (
            *("supervised", "realmix", "mixmatch", "fixmatch", "mean_teacher"),
            *("dmt", "mixdmt", "deep_co_training", "vat"),
        )
    },
    "conformance/test_segmentation_algorithms.py": {
        "test_two_replicas_equal_one": (
            *("supervised", "dmt", "cutmix", "mean_teacher", "s4gan"),
        ),
        "test_all_precisions_compute_nearly_the_same_finite_loss": (
            *("supervised", "dmt", "cutmix", "s4gan"),
        ),
    },
    "conformance/test_flagfile_steps.py": {
        "test_it_trains_two_steps": (
            *("dmt/released.flags", "dmt/cifar10_1000.flags", "realmix/released.flags"),
            *("realmix/table_1/realmix.flags", "dmt/table_3/cpu/remixmatch.flags"),
            *("freematch/cifar10_250.flags", "softmatch/cifar10_250.flags"),
            *("lengths/table_digits/cpu/mixdmt.flags", "realmix/table_2/uda.flags"),
        )
    },
    "conformance/test_segmentation_flagfiles.py": {
        "test_it_trains_two_steps": (
            *("dmt/released_segmentation.flags", "dmt/table_4/cpu/dmt-1_106.flags"),
            *("dmt/table_7/cpu/cbst.flags", "mlmt/digit_scenes_50.flags"),
            *("dmt/table_4/cpu/cct.flags", "dmt/table_4/cpu/cutmix.flags"),
        )
    },
    "tasks/segmentation/test_rounds.py": {
        "test_a_last_stage_stopped_wherever_it_can_be": ()
    },
    "data/augment/test_randaugment.py": {
        "test_same_inside_tf_data": ("fixmatch", "dmt")
    },
    "models/test_resnet.py": {
        "test_has_the_published_number_of_parameters": (),
        "test_dilation_computes_the_same_and_more": ("sides0-keras",),
    },
    "tasks/test_together.py": {
        "test_a_dead_chief_ends_the_other_one": (),
        "test_a_dead_worker_ends_the_chief_which_evaluates": (),
    },
    "test_docs.py": {"test_python_examples_run": ("README.md", "docs/python.md")},
    "test_torture.py": {"test_a_trial_of_a_run": ()},
}


def is_long(item):
    """Whether a test, as pytest collected it, is one of these."""
    place = item.nodeid.partition("::")[0].partition("tests/")[2]
    always = LONG.get(place, {}).get(item.originalname)
    if always is None:
        return False
    case = item.callspec.id if hasattr(item, "callspec") else ""
    return case not in always
