"""Tests that `make test` leaves out, and `make test-long` runs.

They ask the same of every method, network or file; of each such sweep the cases that
are named here are always tried, the others are long. Of the tests without cases those
are long that take seconds for what is rarely touched.
"""

from __future__ import annotations

# By file and function; of a test with cases those that are no long ones.
LONG = {
    "algorithms/classification/test_mixmatch.py": {
        "test_realmix_without_its_additions_is_mixmatch_bit_by_bit": (
            "joint-small_cnn-True",
            "separate-wide_resnet-False",
        )
    },
    "algorithms/segmentation/test_cct.py": {"test_a_step_with_all_of_them": ()},
    "algorithms/segmentation/test_frozen.py": {
        "test_encoder_and_decoder_have_their_own_learning_rates": ("deeplab_v2",),
        "test_normalization_is_the_same_for_all_and_stays": (
            "mean_teacher-deeplab_v2",
        ),
    },
    "algorithms/segmentation/test_gct.py": {
        "test_the_detector_learns_where_errors_are": ()
    },
    "cli/test_channels.py": {
        "test_images_of_five_channels_are_labelled_pixel_by_pixel": ()
    },
    "cli/test_experiments.py": {
        "test_a_run_in_rounds_gives_its_experiment_and_those_of_its_stages_back": ()
    },
    "cli/test_pseudo_label.py": {
        "test_a_whole_run_in_rounds_is_asked_for_its_result": ()
    },
    "cli/test_reproduce.py": {
        "test_a_run_in_rounds_takes_another_row_for_its_base_model": ()
    },
    "cli/test_segmentation_pseudo_labels.py": {
        "test_one_round_from_the_folder": (),
        "test_parts_together_are_the_whole": ("2",),
    },
    "conformance/test_algorithms.py": {
        "test_half_precision_computes_nearly_the_same_loss": (
            "mixed_bfloat16-realmix",
            "mixed_float16-realmix",
            "mixed_bfloat16-dmt",
            "mixed_float16-dmt",
            "mixed_bfloat16-fixmatch",
            "mixed_bfloat16-deep_co_training",
        ),
        "test_loss_falls_on_data_that_can_be_memorized": (
            "supervised",
            "realmix",
            "fixmatch",
            "mean_teacher",
            "dmt",
            "mixdmt",
        ),
    },
    "conformance/test_executions.py": {
        "test_several_steps_in_a_call_one_of_which_float16_skips": ("1",),
        "test_xla_computes_the_same_step": ("dmt", "mixmatch"),
    },
    "conformance/test_flagfile_steps.py": {
        "test_it_trains_two_steps": (
            "dmt/released.flags",
            "dmt/cifar10_1000.flags",
            "realmix/released.flags",
            "realmix/table_1/realmix.flags",
            "dmt/table_3/cpu/remixmatch.flags",
            "freematch/cifar10_250.flags",
            "softmatch/cifar10_250.flags",
            "lengths/table_digits/cpu/mixdmt.flags",
            "realmix/table_2/uda.flags",
        )
    },
    "conformance/test_four_devices.py": {"test_four_devices_end_where_one_ends": ()},
    "conformance/test_mirrored_run.py": {
        "test_stopped_and_resumed_equals_uninterrupted": ()
    },
    "conformance/test_own_state.py": {
        "test_stopped_and_resumed_equals_uninterrupted": ("one",)
    },
    "conformance/test_replicas.py": {
        "test_a_float16_step_that_overflows_on_any_replica_is_skipped_on_all": ("1",),
        "test_two_replicas_equal_one": ("realmix", "mean_teacher", "dmt", "mixdmt"),
    },
    "conformance/test_runs.py": {
        "test_resumed_equals_uninterrupted_and_export_equals_model": (
            "realmix",
            "mean_teacher",
        )
    },
    "conformance/test_runs_in_rounds.py": {
        "test_resumed_equals_uninterrupted_and_export_equals_model": ("mixdmt",)
    },
    "conformance/test_segmentation_algorithms.py": {
        "test_all_precisions_compute_nearly_the_same_finite_loss": (
            "supervised",
            "dmt",
            "cutmix",
            "s4gan",
        ),
        "test_batches_of_the_pipeline_fit": ("supervised", "dmt", "cutmix"),
        "test_two_replicas_equal_one": (
            "supervised",
            "dmt",
            "cutmix",
            "mean_teacher",
            "s4gan",
        ),
    },
    "conformance/test_segmentation_flagfiles.py": {
        "test_it_trains_two_steps": (
            "dmt/released_segmentation.flags",
            "dmt/table_4/cpu/dmt-1_106.flags",
            "dmt/table_7/cpu/cbst.flags",
            "mlmt/digit_scenes_50.flags",
            "dmt/table_4/cpu/cct.flags",
            "dmt/table_4/cpu/cutmix.flags",
        )
    },
    "data/augment/test_autoaugment.py": {"test_same_inside_tf_data": ("svhn",)},
    "data/augment/test_randaugment.py": {
        "test_same_inside_tf_data": ("fixmatch", "dmt")
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
    "data/test_draws.py": {"test_no_pass_is_repeated": ("20",)},
    "golden/test_golden.py": {"test_a_run_in_rounds": ()},
    "learners/test_learner.py": {"test_what_was_stopped_goes_on_with_more_epochs": ()},
    "learners/test_rounds.py": {
        "test_two_models_that_teach_each_other_for_segmentation": ()
    },
    "learners/test_same_as_command.py": {"test_of_the_same_images": ("RealMix",)},
    "models/encoders/test_efficientnet_lite.py": {
        "test_features_follow_the_paper": ("16-0", "32-1")
    },
    "models/test_efficientnet_lite0.py": {
        "test_imagenet_weights_are_complete_and_know_a_palace": ("efficientnet_lite0",),
        "test_number_of_parameters": ("efficientnet_lite0-4652008",),
    },
    "models/test_halves.py": {"test_both_halves_together_are_the_network": ("lite",)},
    "models/test_lite_segmenter.py": {
        "test_learns": (),
        "test_logits_have_the_size_of_the_images": ("lite", "deeplab_v2"),
    },
    "models/test_networks.py": {
        "test_starting_weights_follow_the_seed": ("wide_resnet", "small_cnn")
    },
    "models/test_pretrained.py": {
        "test_weights_of_an_application_reach_it_where_images_are_enlarged": ()
    },
    "models/test_rematerialization.py": {
        "test_gradients_statistics_and_answers_are_the_same": ("wide_resnet-20",)
    },
    "models/test_resnet.py": {
        "test_dilation_computes_the_same_and_more": ("sides0-keras",),
        "test_equals_keras_applications_at_output_stride_32": (),
        "test_has_the_published_number_of_parameters": (),
    },
    "models/test_weights.py": {"test_weights_that_keras_applications_saved": ()},
    "rounds/test_resuming.py": {
        "test_killed_in_a_process_of_its_own": (),
        "test_stopped_in_the_middle_of_a_stage": (),
    },
    "rounds/test_tensorboard.py": {
        "test_files_that_are_not_what_they_should_be_are_replaced": ("torn",),
        "test_killed_while_it_draws": ("rounds.png",),
    },
    "runs/test_data_service.py": {"test_a_training_ends_when_its_only_worker_dies": ()},
    "runs/test_repair.py": {
        "test_flags_of_a_run_in_rounds_are_not_those_of_a_stage": (),
        "test_the_training_command_restores_checkpoints": (),
    },
    "runs/test_runs_at_addresses.py": {
        "test_a_machine_is_lost_and_another_one_goes_on": (),
        "test_a_process_is_killed": (),
        "test_rounds_go_on_elsewhere": (),
    },
    "runs/test_small_memory.py": {
        "test_blocks_that_are_computed_again": (),
        "test_parts_of_a_batch_and_a_resumed_run": (),
    },
    "runs/test_transfer.py": {"test_both_of_two_networks_start_there": ("more0",)},
    "tasks/classification/test_adapted_network.py": {
        "test_a_teacher_has_frozen_layers_of_the_network_after_a_stop": ()
    },
    "tasks/classification/test_detection.py": {
        "test_a_run_that_estimates_the_share_resumes": ()
    },
    "tasks/classification/test_graph_labeling.py": {
        "test_a_run_in_rounds_is_labelled_by_the_graph": ()
    },
    "tasks/classification/test_noise.py": {
        "test_a_run_in_rounds_estimates_in_each": ()
    },
    "tasks/classification/test_rounds.py": {
        "test_a_base_model_that_is_given": ("dmt",)
    },
    "tasks/classification/test_several_labels.py": {"test_a_dry_run": ()},
    "tasks/classification/test_task.py": {
        "test_killed_while_a_checkpoint_is_written_and_resumed": ()
    },
    "tasks/segmentation/test_dry_run.py": {"test_a_run_in_rounds": ()},
    "tasks/segmentation/test_partial_masks.py": {
        "test_a_whole_run_with_masks_for_labelled_images_only": (),
        "test_hidden_masks_that_cannot_be_read_are_none": (),
    },
    "tasks/segmentation/test_rounds.py": {
        "test_a_base_model_that_was_stopped": (),
        "test_a_last_stage_stopped_wherever_it_can_be": (),
        "test_a_run_that_was_moved_goes_on_in_the_middle_of_a_stage": (),
    },
    "tasks/segmentation/test_single_runs.py": {
        "test_killed_and_resumed_equals_uninterrupted": ("mean_teacher",),
        "test_two_devices": (),
    },
    "tasks/test_budget.py": {"test_rounds_are_divided": ()},
    "tasks/test_dry_run.py": {"test_a_run_in_rounds": ()},
    "tasks/test_together.py": {
        "test_a_dead_chief_ends_the_other_one": (),
        "test_a_dead_worker_ends_the_chief_which_evaluates": (),
        "test_after_two_deaths_weights_are_those_of_a_run_without": (),
        "test_and_labels_of_pixels": (),
    },
    "test_docs.py": {"test_python_examples_run": ("README.md",)},
    "test_gcs.py": {"test_a_run_a_table_and_what_is_missing": ()},
    "test_notebooks.py": {"test_a_notebook_runs_from_start_to_end": ()},
    "test_run_tests.py": {"test_a_failure_in_any_part_is_a_failure": ("test_b",)},
    "test_torture.py": {
        "test_a_trial_of_a_run": (),
        "test_kills_are_aimed_and_said": (),
    },
}


def is_long(item):
    """Whether a test, as pytest collected it, is one of these."""
    place = item.nodeid.partition("::")[0].partition("tests/")[2]
    always = LONG.get(place, {}).get(item.originalname)
    if always is None:
        return False
    case = item.callspec.id if hasattr(item, "callspec") else ""
    return case not in always
