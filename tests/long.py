"""Cases of sweeps that `make test` leaves out, and `make test-long` runs.

Sweeps ask the same of every method, network or file; of each of these the cases that
are named here are always tried, the others are long. Tests without cases that take
seconds for what is rarely touched have the mark `long` themselves.
"""

from __future__ import annotations

# By file and function: cases that are no long ones.
LONG = {
    "algorithms/classification/test_mixmatch.py": {
        "test_realmix_without_its_additions_is_mixmatch_bit_by_bit": (
            "joint-small_cnn-True",
            "separate-wide_resnet-False",
        )
    },
    "algorithms/segmentation/test_frozen.py": {
        "test_encoder_and_decoder_have_their_own_learning_rates": ("deeplab_v2",),
        "test_normalization_is_the_same_for_all_and_stays": (
            "mean_teacher-deeplab_v2",
        ),
    },
    "cli/test_segmentation_pseudo_labels.py": {
        "test_parts_together_are_the_whole": ("2",)
    },
    "conformance/test_accumulation.py": {
        "test_two_parts_equal_the_whole": (
            "supervised",
            "mixmatch",
            "dual_student",
            "realmix",
        ),
        "test_two_replicas_in_two_parts_equal_one_in_one": ("uda",),
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
        "test_the_same_seed_gives_the_same_weights": ("realmix", "dmt", "co_teaching"),
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
    "conformance/test_label_weights.py": {
        "test_a_label_of_weight_0_counts_nothing_and_one_of_weight_1_as_always": (
            "supervised",
            "realmix",
            "mixmatch",
            "fixmatch",
            "dmt",
            "mixdmt",
            "deep_co_training",
            "co_teaching",
            "vat",
        )
    },
    "conformance/test_own_state.py": {
        "test_stopped_and_resumed_equals_uninterrupted": ("one",)
    },
    "conformance/test_replicas.py": {
        "test_a_float16_step_that_overflows_on_any_replica_is_skipped_on_all": ("1",),
        "test_replicas_stay_alike_in_half_precision": (
            "dmt-mixed_float16",
            "supervised-mixed_bfloat16",
        ),
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
    "conformance/test_segmentation_accumulation.py": {
        "test_two_parts_equal_the_whole": ("supervised", "dmt", "adversarial")
    },
    "conformance/test_segmentation_algorithms.py": {
        "test_all_precisions_compute_nearly_the_same_finite_loss": (
            "supervised",
            "dmt",
            "cutmix",
            "s4gan",
        ),
        "test_batches_of_the_pipeline_fit": ("supervised", "dmt", "cutmix"),
        "test_the_same_seed_gives_the_same_weights": ("dmt", "s4gan"),
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
    "conformance/test_several_labels.py": {
        "test_a_step_is_finite_and_reports_what_it_says": (
            "supervised",
            "realmix",
            "fixmatch",
            "mean_teacher",
        ),
        "test_each_label_is_learned_as_if_it_were_alone": (
            "supervised",
            "realmix",
            "fixmatch",
            "mean_teacher",
        ),
        "test_labels_that_are_unknown_count_in_no_term": (
            "supervised",
            "realmix",
            "fixmatch",
            "mean_teacher",
        ),
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
        "test_logits_have_the_size_of_the_images": ("lite", "deeplab_v2")
    },
    "models/test_networks.py": {
        "test_starting_weights_follow_the_seed": ("wide_resnet", "small_cnn")
    },
    "models/test_rematerialization.py": {
        "test_gradients_statistics_and_answers_are_the_same": ("wide_resnet-20",)
    },
    "models/test_resnet.py": {
        "test_dilation_computes_the_same_and_more": ("sides0-keras",)
    },
    "rounds/test_tensorboard.py": {
        "test_files_that_are_not_what_they_should_be_are_replaced": ("torn",),
        "test_killed_while_it_draws": ("rounds.png",),
    },
    "runs/test_transfer.py": {"test_both_of_two_networks_start_there": ("more0",)},
    "tasks/classification/test_rounds.py": {
        "test_a_base_model_that_is_given": ("dmt",)
    },
    "tasks/segmentation/test_single_runs.py": {
        "test_killed_and_resumed_equals_uninterrupted": ("mean_teacher",)
    },
    "test_docs.py": {"test_python_examples_run": ("README.md",)},
    "test_run_tests.py": {"test_a_failure_in_any_part_is_a_failure": ("test_b",)},
}


def is_long(item):
    """Whether a test, as pytest collected it, is one of these."""
    place = item.nodeid.partition("::")[0].partition("tests/")[2]
    always = LONG.get(place, {}).get(item.originalname)
    return always is not None and item.callspec.id not in always
