"""Trains FixMatch or MixMatch of USB's semilearn on arrays, until it is ended.

    python benchmarks/peers/semilearn_training.py --arrays=FILE.npz
        [--algorithm=mixmatch]

To be run by a Python that has `semilearn` (0.3), as a child of `time_to_error.py`,
which also writes the arrays. Loop, loaders, augmentation, EMA and evaluation are the
library's own, settings those of its `config/classic_cv`. What it wants of CUDA is
replaced by nothing. After each evaluation it prints a line of JSON:
{"step": 500, "error": 61.2}.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from typing import Any, Dict

import numpy as np
import semilearn
import torch
from semilearn.core import algorithmbase
from semilearn.core.hooks import Hook
from semilearn.datasets.augmentation import RandAugment
from semilearn.datasets.cv_datasets import cifar
from torchvision import transforms

SETTINGS = {
    "fixmatch": {"uratio": 7, "ulb_loss_ratio": 1.0, "hard_label": True},
    "mixmatch": {"uratio": 1, "ulb_loss_ratio": 100.0, "mixup_alpha": 0.5},
}
STEPS, EPOCHS = 2**20, 1024  # as shipped; the process is ended long before


def without_cuda() -> None:
    """Has the calls of the library that move things to a GPU do nothing."""
    torch.Tensor.cuda = lambda self, *_, **__: self
    torch.nn.Module.cuda = lambda self, *_, **__: self
    torch.cuda.set_device = lambda *_: None
    torch.cuda.synchronize = lambda *_: None


def datasets(algorithm: str, arrays: Any) -> Dict[str, Any]:
    """The library's data sets, as its `get_cifar` makes them of CIFAR-10's files.

    Args:
        algorithm: which decides what a sample holds.
        arrays: x, y of the labels, u of the unlabelled images, test_x, test_y.
    """
    begin = [
        transforms.Resize(32),
        transforms.RandomCrop(32, padding=4, padding_mode="reflect"),
        transforms.RandomHorizontalFlip(),
    ]
    end = [
        transforms.ToTensor(),
        transforms.Normalize(cifar.mean["cifar10"], cifar.std["cifar10"]),
    ]
    weak = transforms.Compose([*begin, *end])
    strong = transforms.Compose([*begin, RandAugment(3, 5), *end])
    x, y = arrays["x"], arrays["y"].astype(np.int64)
    # Labelled images are among the unlabelled ones (`include_lb_to_ulb`).
    u = np.concatenate([x, arrays["u"]])
    made = semilearn.BasicDataset
    classes = int(y.max()) + 1
    test = arrays["test_x"], arrays["test_y"].astype(np.int64)
    unknown = np.zeros(len(u), np.int64)
    return {
        "train_lb": made(algorithm, x, y, classes, weak, False, strong),
        "train_ulb": made(algorithm, u, unknown, classes, weak, True, strong),
        "eval": made(algorithm, *test, classes, transforms.Compose(end), False),
        "test": None,
    }


class Reporting(Hook):
    """Prints the error after each evaluation."""

    def after_train_step(self, algorithm: Any) -> None:
        """Called when the library's own hooks have evaluated."""
        accuracy = algorithm.log_dict.get("eval/top-1-acc")
        if accuracy is not None:
            found = {"step": algorithm.it + 1, "error": 100 * (1 - float(accuracy))}
            print(json.dumps(found), flush=True)


def main() -> None:
    """Trains."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--arrays", required=True, help="npz file")
    parser.add_argument("--algorithm", default="fixmatch", choices=sorted(SETTINGS))
    parser.add_argument("--eval_every", type=int, default=500, help="steps")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=1, help="of a loader")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    np.random.seed(arguments.seed)
    without_cuda()
    with np.load(arguments.arrays) as file:
        arrays = dict(file)
    made = datasets(arguments.algorithm, arrays)
    algorithmbase.get_dataset = lambda *_: made
    with tempfile.TemporaryDirectory() as folder:
        config = semilearn.get_config(
            {
                "algorithm": arguments.algorithm,
                "net": "wrn_28_2",
                "dataset": "cifar10",
                "num_classes": made["train_lb"].num_classes,
                "num_labels": len(arrays["y"]),
                "epoch": EPOCHS,
                "num_train_iter": STEPS,
                "num_eval_iter": arguments.eval_every,
                "num_log_iter": STEPS,
                "batch_size": 64,
                "eval_batch_size": 256,
                "num_workers": arguments.workers,
                "optim": "SGD",
                "lr": 0.03,
                "momentum": 0.9,
                "weight_decay": 0.0005,
                "gpu": 0,
                "rank": 0,
                "world_size": 1,
                "distributed": False,
                "multiprocessing_distributed": False,
                "save_dir": folder,
                "seed": arguments.seed,
                **SETTINGS[arguments.algorithm],
            }
        )
        network = semilearn.get_net_builder(config.net, from_name=False)
        algorithm = semilearn.get_algorithm(config, network, tb_log=None, logger=None)
        algorithm.register_hook(Reporting(), "Reporting", "LOWEST")
        algorithm.hooks_dict.pop("TimerHook", None)  # events of CUDA
        algorithm.train()


if __name__ == "__main__":
    main()
