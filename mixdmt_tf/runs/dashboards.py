"""What TensorBoard is told besides numbers: charts that belong together, and settings.

Layouts of several runs are one layout there. Of the tables of settings TensorBoard
takes the first that it finds for all runs, so it has what runs are compared by.
"""

from __future__ import annotations

from typing import Any, Dict, Sequence

import tensorflow as tf
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import summary as layouts
from tensorboard.plugins.hparams import api as hparams
from tensorboard.plugins.hparams import api_pb2
from tensorboard.plugins.hparams import summary as sessions

from mixdmt_tf.runs import tags
from mixdmt_tf.settings import Setting, settings_of, to_text

# Settings of every run that people compare runs by; those of its method come after.
COMPARED = (
    *("algorithm", "dataset", "labels", "network", "steps", "batch", "seed"),
    *("learning_rate", "mismatch", "precision"),
)
# Of places, and of nothing that a run depends on.
LEFT_OUT = ("workdir", "data_dir", "cache_dir", "split")
_TYPES = {
    bool: api_pb2.DATA_TYPE_BOOL,
    float: api_pb2.DATA_TYPE_FLOAT64,
    str: api_pb2.DATA_TYPE_STRING,
}
_CHARTS = {
    "scores": {
        "test": f"^{tags.SCORE}/.*, test",
        "validation": f"^{tags.SCORE}/.*, validation",
    },
    "terms of the loss": {"terms of the loss": f"^{tags.LOSS}/"},
    "pseudo labels": {
        "confidence and accuracy": f"^{tags.GUESSES}/(.*confidence|.*accuracy)$",
        "shares and weights": f"^{tags.GUESSES}/(?!.*(confidence|accuracy)$)",
    },
    "rounds": {
        "score": f"^{tags.ROUNDS}/(test|validation)_",
        "accuracy of the pseudo labels": f"^{tags.ROUNDS}/.*accuracy",
        "weights": f"^{tags.ROUNDS}/.*weight",
    },
}


def write_layout() -> None:
    """Writes the page CUSTOM SCALARS, with the writer that is the default one."""
    categories = []
    for title, charts in _CHARTS.items():
        drawn = [
            layout_pb2.Chart(
                title=name, multiline=layout_pb2.MultilineChartContent(tag=[pattern])
            )
            for name, pattern in charts.items()
        ]
        categories.append(layout_pb2.Category(title=title, chart=drawn))
    layout = layout_pb2.Layout(category=categories)
    tf.summary.experimental.write_raw_pb(layouts.pb(layout).SerializeToString(), step=0)


class _Kind(hparams.Domain):
    """What TensorBoard must know of a setting to sort by it: numbers or text."""

    def __init__(self, setting: Setting):
        self._setting = setting

    @property
    def dtype(self) -> Any:
        """Of values as TensorBoard has them."""
        if self._setting.optional or self._setting.words:
            return str
        return {"bool": bool, "int": float, "float": float}.get(self._setting.type, str)

    def sample_uniform(self, rng: Any = None) -> Any:
        """Nothing is drawn from settings."""
        raise NotImplementedError

    def update_hparam_info(self, hparam_info: Any) -> None:
        """Called by TensorBoard's own code."""
        hparam_info.type = _TYPES[self.dtype]


def write_settings(configs: Sequence[Any], name: str, measure: str) -> None:
    """Writes the page HPARAMS, with the writer that is the default one.

    Settings of the method are called 'method: lambda_u': the page is sorted by name and
    shows the first ones.

    Args:
        configs: dataclasses of settings; the last one is the method's.
        name: of the run.
        measure: 'error' or 'mean IoU'.
    """
    values: Dict[str, Any] = {}
    kinds: Dict[str, Setting] = {}
    for config in configs:
        for setting in settings_of(type(config)):
            if setting.name in LEFT_OUT:
                continue
            own = config is configs[-1] and setting.name not in COMPARED
            shown = f"method: {setting.name}" if own else setting.name
            value = getattr(config, setting.name)
            # A column has one type, and None and words are text.
            text = setting.optional or setting.words
            values[shown] = to_text(value) if text else value
            kinds[shown] = setting
    columns = [each for each in values if each in COMPARED or each.startswith("method")]
    hparams.hparams_config(
        [hparams.HParam(each, _Kind(kinds[each])) for each in columns],
        [
            hparams.Metric(tags.score_tag(measure, images), display_name=words)
            for images, words in {
                "test": f"test {measure}",
                "test_raw": f"test {measure}, raw weights",
                "validation": f"validation {measure}",
            }.items()
        ],
    )
    hparams.hparams(values, trial_id=name)


def write_end() -> None:
    """Says that the run has ended well."""
    end = sessions.session_end_pb(api_pb2.STATUS_SUCCESS)
    tf.summary.experimental.write_raw_pb(end.SerializeToString(), step=0)
