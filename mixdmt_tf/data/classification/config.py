"""Settings of the data: which images, which of them have labels, which copies."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import ClassVar, Optional, Union

from mixdmt_tf import remote
from mixdmt_tf.data import bands
from mixdmt_tf.data.bands import Bands
from mixdmt_tf.errors import UsageError
from mixdmt_tf.files import cache_folder
from mixdmt_tf.settings import check, setting, settings_of

FOLDERS = ("folder", "multilabel_folder")  # data sets of files that users name


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of the data. The source defines the augmentation of batches."""

    task: ClassVar[str] = "classification"

    dataset: str = setting(
        "cifar10", "data set: the name of a file in data/classification/datasets/"
    )
    data_dir: str = setting(
        "",
        "folder of prepared TensorFlow Datasets (default: $TFDS_DATA_DIR or "
        "~/tensorflow_datasets); for --dataset=folder and multilabel_folder the folder "
        "of the images",
        harmless=True,
    )
    labels: Optional[int] = setting(
        None,
        "training images whose labels are used, at least one per class; the labels of "
        "the others are hidden; default: 250, of a folder labeled/ all",
        low=1,
    )
    weights_csv: str = setting(
        "",
        "a CSV file with the columns file (below data_dir) and weight: how much the "
        "labels of these training images count, all others having weight 1; for "
        "--dataset=folder and multilabel_folder",
        harmless=True,  # as a path: a run compares what the file holds
    )
    validation: Optional[int] = setting(
        None,
        "training images held out for validation, 0: none; default: the data set's own "
        "validation images if it has any, else one in a hundred of the images with "
        "known labels (500 of CIFAR-10), as far as --labels leaves any",
        low=0,
    )
    image_size: Union[int, str, None] = setting(
        None,
        "height and width of images in pixels: --dataset=folder resizes its files to "
        "it; images of other data sets are enlarged within the network; default: 96 "
        "for networks with published weights, else 32 for folders and the images' own "
        "size for other data sets; auto: for networks with published weights the usual "
        "size of a folder's files, from 96 to 160 (with a GPU to 224), and for other "
        "data sets 128 (with a GPU 224)",
        low=4,
        words=("auto",),
        high=4096,
    )
    channels: Optional[int] = setting(
        None,
        "number of channels of the images of --dataset=folder, if they are not "
        "photographs: PNG, TIFF or NumPy files (.npy) with that many channels, used as "
        "they are; a fourth one is not transparency",
        low=1,
        high=64,
    )
    pixel_range: str = setting(
        "",
        "with --channels: the values that become black and white, such as 0,4095 of a "
        "12-bit camera; default: all that the files' type has, 0,255 or 0,65535",
    )
    split: str = setting(
        "",
        "a split.json of another run, used instead of drawing --labels",
        harmless=True,  # as a path: a run compares what the file holds
    )
    mismatch: Optional[int] = setting(
        None,
        "class mismatch: percentage of unlabelled images that belong to none of the "
        "classes (RealMix section 4.2.2), for the six animals of CIFAR-10 with 400 "
        "labels each and four classes of unlabelled images; for other classes see "
        "labeled_classes and unlabeled_classes",
        choices=(0, 25, 50, 75, 100),
    )
    labeled_classes: str = setting(
        "",
        "classes to be told apart, as numbers or names: 2,3,4 or bird,cat,deer; "
        "default: all",
    )
    unlabeled_classes: str = setting(
        "",
        "classes of the unlabelled images, as numbers or names, or all; default: "
        "labeled_classes, but none with unlabeled_dataset or unlabeled_dir",
    )
    unlabeled_dataset: Optional[str] = setting(
        None, "another data set whose training images are the unlabelled ones"
    )
    unlabeled_dir: str = setting(
        "",
        "the unlabelled images: any images below this folder; with "
        "unlabeled_dataset where that one's data are",
        harmless=True,
    )
    pseudo_labels: str = setting(
        "",
        "a file of bin/pseudo_label: train one round on these pseudo labels instead of "
        "all rounds (methods that learn from pseudo labels)",
        harmless=True,  # as a path: a run compares what the file holds
    )
    copies: Optional[int] = setting(
        None,
        "augmented copies of each unlabelled image (RealMix section 3.1), 0: the "
        "images themselves; default: as the method was published, 50 for realmix",
        low=0,
        high=100000,
    )
    copies_augment: str = setting(
        "auto",
        "augmentation of the copies; cutout: random erasing; simple: shift and flip; "
        "randaugment (UDA's; FixMatch's; DMT's) and autoaugment (found on CIFAR-10; on "
        "SVHN): chains of strong operations; auto: as the method was published",
        choices=(
            "auto",
            "cutout",
            "simple",
            "randaugment",
            "randaugment_fixmatch",
            "randaugment_dmt",
            "randaugment_dmt_released",
            "autoaugment",
            "autoaugment_svhn",
            "none",
        ),
    )
    border: str = setting(
        "auto",
        "what fills the border of randomly shifted images; reflect: the mirror image, "
        "grey: level 128, as DMT's release; auto: as the method was published, and for "
        "copies reflect",
        choices=("auto", "reflect", "grey"),
    )
    copies_store: str = setting(
        "auto",
        "where copies are kept, which changes no image; virtual: nowhere, each is made "
        "when a batch needs it; auto: disk if the cache has room and the run uses more "
        "copies than there are, else virtual",
        choices=("auto", "disk", "memory", "virtual"),
        harmless=True,
    )
    image_store: str = setting(
        "auto",
        "where decoded images of folders and of sets of more than 256 MB are kept, "
        "which changes no image; disk: decoded once, into the cache; virtual: decoded "
        "when a batch needs them; auto: disk if the cache has room, and then memory if "
        "they take less than 256 MB",
        choices=("auto", "disk", "memory", "virtual"),
        harmless=True,
    )
    on_bad_image: str = setting(
        "error",
        "what to do about image files of a folder that cannot be used; skip: leave "
        "them out, and list them in skipped_images.txt of the run's folder",
        choices=("error", "skip"),
    )
    labels_csv: str = setting(
        "",
        "more labels for --dataset=folder: a CSV file with the columns file and label, "
        "as bin/suggest_labels writes it and you fill it in",
        harmless=True,  # as a path: a run compares what the labels are
    )
    cache_dir: str = setting(
        "",
        "folder for decoded images and copies on disk; default: "
        "$XDG_CACHE_HOME/mixdmt_tf or ~/.cache/mixdmt_tf",
        harmless=True,
    )

    mixup_parts: Optional[int] = setting(
        None,
        "equal parts of a batch within which MixUp finds its partners; default: as "
        "many as there are devices, each with its own. One device that is given 4 "
        "trains as 4 devices do",
        low=1,
        high=65536,
    )

    def __post_init__(self) -> None:
        """Raises a UsageError for values out of range or incompatible values."""
        check(settings_of(type(self)), self)
        if self.bands and self.dataset != "folder":
            raise UsageError(
                f"--channels={self.channels} is for --dataset=folder; the images of "
                f"--dataset={self.dataset} are what they are"
            )
        if self.bands and self.unlabeled_dataset:
            raise UsageError(
                f"--channels={self.channels} and --unlabeled_dataset="
                f"{self.unlabeled_dataset} don't go together: its images have others.\n"
                "Give a folder of images of the same kind with --unlabeled_dir."
            )
        if self._unlabeled_are_its_own():
            raise UsageError(
                f"--unlabeled_dataset={self.unlabeled_dataset} has images of "
                f"--dataset={self.dataset}, some of which are for labels or validation."
                "\nLeave it out: a data set's own images are unlabelled without it."
            )
        if self.labels_csv and self.dataset != "folder":
            raise UsageError(
                f"--labels_csv={self.labels_csv} is for images in files: expected "
                f"--dataset=folder, got {self.dataset}"
            )
        given = [n for n in ("labeled", "unlabeled") if getattr(self, f"{n}_classes")]
        if self.mismatch is not None and (self.dataset != "cifar10" or given):
            raise UsageError(
                f"--mismatch={self.mismatch} stands for certain classes of "
                "--dataset=cifar10.\nOf another data set, or other classes, say which "
                "with --labeled_classes and --unlabeled_classes."
            )

        if self.weights_csv and self.dataset not in FOLDERS:
            raise UsageError(
                f"--weights_csv={self.weights_csv} names files of --dataset=folder; "
                f"{self.dataset} has none.\nLeave it out, or give your images as a "
                "folder."
            )
        if self.dataset == "multilabel_folder":
            for name in ("labeled_classes", "unlabeled_classes", "unlabeled_dataset"):
                if getattr(self, name):
                    raise UsageError(
                        f"--{name}: the labels of --dataset={self.dataset} are not "
                        "classes to choose from.\nRemove columns of labels.csv instead."
                    )
            if self.unlabeled_dir:
                raise UsageError(
                    "--unlabeled_dir: put the images below --data_dir; those that "
                    "labels.csv does not name are unlabelled"
                )

    def _unlabeled_are_its_own(self) -> bool:
        both = {self.dataset, self.unlabeled_dataset}
        if self.dataset in FOLDERS:
            return both == {self.dataset} and not self.unlabeled_dir
        return len(both) == 1 or both == {"svhn", "svhn_extra"}

    @property
    def bands(self) -> Optional[Bands]:
        """Channels and value range of the images; None: photographs.

        Raises:
            UsageError: if `pixel_range` is invalid.
        """
        return bands.of(self.channels, self.pixel_range)

    def cache_folder(self) -> pathlib.Path:
        """Returns the folder of the cache, which need not exist."""
        if self.cache_dir:  # files of a remote folder are fetched when needed
            return remote.written(self.cache_dir, whole=False)
        return cache_folder()
