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
    "algorithms/segmentation/test_cct.py": {"test_a_step_with_all_of_them": ()},
    "cli/test_experiments.py": {
        "test_a_run_in_rounds_gives_its_experiment_and_those_of_its_stages_back": ()
    },
    "cli/test_pseudo_label.py": {
        "test_a_whole_run_in_rounds_is_asked_for_its_result": ()
    },
    "cli/test_reproduce.py": {
        "test_a_run_in_rounds_takes_another_row_for_its_base_model": ()
    },
    "data/classification/test_copies.py": {
        "test_a_copy_depends_on_seed_image_and_number_only": ("cutout", "simple"),
        "test_same_inside_tf_data": (
            "cutout",
            "simple",
            "none",
            "randaugment_fixmatch",
        ),
    },
    "golden/test_golden.py": {"test_a_run_in_rounds": ("classification",)},
    "learners/test_learner.py": {
        "test_what_was_stopped_goes_on_with_more_epochs": (),
    },
    "learners/test_rounds.py": {
        "test_two_models_that_teach_each_other_for_segmentation": ()
    },
    "models/test_lite_segmenter.py": {"test_learns": ()},
    "models/test_pretrained.py": {
        "test_weights_of_an_application_reach_it_where_images_are_enlarged": ()
    },
    "rounds/test_resuming.py": {
        "test_killed_in_a_process_of_its_own": (),
        "test_stopped_in_the_middle_of_a_stage": ("round_1",),
    },
    "runs/test_data_service.py": {"test_a_training_ends_when_its_only_worker_dies": ()},
    "runs/test_repair.py": {
        "test_flags_of_a_run_in_rounds_are_not_those_of_a_stage": ()
    },
    "runs/test_runs_at_addresses.py": {
        "test_rounds_go_on_elsewhere": (),
        "test_a_process_is_killed": (),
    },
    "runs/test_small_memory.py": {"test_blocks_that_are_computed_again": ()},
    "tasks/classification/test_detection.py": {
        "test_a_run_that_estimates_the_share_resumes": ()
    },
    "tasks/classification/test_graph_labeling.py": {
        "test_a_run_in_rounds_is_labelled_by_the_graph": ()
    },
    "tasks/classification/test_noise.py": {
        "test_a_run_in_rounds_estimates_in_each": ()
    },
    "tasks/classification/test_several_labels.py": {"test_a_dry_run": ()},
    "tasks/classification/test_task.py": {
        "test_killed_while_a_checkpoint_is_written_and_resumed": ()
    },
    "tasks/segmentation/test_dry_run.py": {"test_a_run_in_rounds": ()},
    "tasks/segmentation/test_partial_masks.py": {
        "test_hidden_masks_that_cannot_be_read_are_none": ()
    },
    "tasks/segmentation/test_single_runs.py": {
        "test_killed_and_resumed_equals_uninterrupted": ("supervised", "mean_teacher")
    },
    "tasks/segmentation/test_rounds.py": {
        "test_a_base_model_that_was_stopped": (),
        "test_a_last_stage_stopped_wherever_it_can_be": (),
    },
    "data/augment/test_randaugment.py": {
        "test_same_inside_tf_data": ("fixmatch", "dmt")
    },
    "models/test_resnet.py": {
        "test_has_the_published_number_of_parameters": (),
        "test_dilation_computes_the_same_and_more": ("sides0-keras",),
    },
    "tasks/test_together.py": {
        "test_and_labels_of_pixels": (),
        "test_a_dead_chief_ends_the_other_one": (),
        "test_a_dead_worker_ends_the_chief_which_evaluates": (),
    },
    "test_docs.py": {"test_python_examples_run": ("README.md", "docs/python.md")},
    "test_notebooks.py": {
        "test_a_notebook_runs_from_start_to_end": ("classification",)
    },
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
