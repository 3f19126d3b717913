"""Task: what training has to know of one kind of data. Everything else is shared."""

import abc
import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from attention_zoo._class_names import as_class_names, numbered
from attention_zoo._export import export
from attention_zoo._settings import make
from attention_zoo.datasets.fingerprint import path_fingerprint
from attention_zoo.datasets.split import Examples, Split
from attention_zoo.models import Captioner, FocusClassifier
from attention_zoo.training.components import make_attention
from attention_zoo.training.config import TaskConfig

SPLITS = ("train", "validation", "test")


@dataclasses.dataclass(frozen=True)
class Words:
    """How a run's page, tables and errors call the things of a task.

    Attributes:
        example, examples: what a label is of: "mosaic", "mosaics".
        segment, segments: what attention chooses among: "image", "images".
        truth: what attention is compared with: "the true segment".
        known: which examples have it: "whose true segment is known".
        measures: what figures of the task's own mean, a line each by name, such as
            {"heads": "share of rows whose heavy coin shows heads"}.
    """

    example: str = "example"
    examples: str = "examples"
    segment: str = "segment"
    segments: str = "segments"
    truth: str = "the true segment"
    known: str = "whose true segment is known"
    measures: Mapping[str, str] = dataclasses.field(default_factory=dict)


def config_of(task, settings):
    """The settings of a run as its task has them, those among them that others decide.

    Args:
        task: the `Task`.
        settings: values by name; others have their defaults.

    Raises:
        ValueError: an unknown name, or a value that its setting does not allow.
    """
    return task.settled(make(task.config, settings))


class Task(abc.ABC):
    """What training has to know of one kind of data.

    `az.train` asks, in this order, for the splits, the model, batches from a step on, and in the
    end for evaluations, examples and pictures. A task keeps no state of a run: all that it needs
    comes with the call. Splits are "train", "validation" and "test"; the last two may be missing.
    A split is a `datasets.Split`, its examples a `datasets.Examples`; a subclass of that says how
    examples of some numbers become a batch. examples/own_task.py has one.

    Attributes:
        name: by which `az.train`, commands and a run's page know the task.
        config: the class of its settings, a dataclass that inherits from `TaskConfig`; each is a
            flag and a keyword argument.
        data_settings: those of them that say which data, which `data` of `az.train` replaces.
        words: how its things are called.
        file_settings: those of them that name a file or folder that a model is made of, whose
            fingerprint is kept too.
        measured: the splits that are evaluated in the end, as far as there are such; "train" where
            there are none.
        others: see `rates`.
    """

    name: str
    config: type[TaskConfig] = TaskConfig
    words = Words()
    data_settings: tuple[str, ...] = ()
    file_settings: tuple[str, ...] = ()
    measured: tuple[str, ...] = SPLITS
    others: str | None = None

    @abc.abstractmethod
    def load(self, config):
        """The splits that the settings name, `datasets.Split` by name.

        Raises:
            ValueError: settings that no data fit. FileNotFoundError: the data are not there.
        """

    def load_others(self, config, given, are_own):
        """The splits to evaluate a finished run on where settings name other data than its own.

        Args:
            config: the settings, those that are given in the place of the run's.
            given: {setting: value} of these.
            are_own: function of splits, whether they are the run's all the same.
        """
        return self.load(config)

    @abc.abstractmethod
    def build(self, config, splits, attention):
        """The built Keras model; of one that is compiled loss and metrics are kept.

        Args:
            config: the settings.
            splits: as of `load`.
            attention: the attention layer to train with.
        """

    @abc.abstractmethod
    def evaluate(self, model, split, config):
        """What the model achieves on a split: an object with `scalars()` and `table()`."""

    def accept(self, data, config):
        """A `datasets.Split` of what a user brings in place of a name: here of `datasets.Examples`.

        Raises:
            ValueError: other data.
        """
        expected = "datasets.Examples, or a datasets.Split of them"
        return as_split(data, Examples, Split, expected, self._fields)

    def _fields(self, data):
        names = as_class_names(getattr(data, "class_names", None))
        return {"name": self.name, "class_names": names or ()}

    def settled(self, config):
        """The settings with what others of them decide where they are unset."""
        return config

    def check(self, config, splits):
        """Raises ValueError for settings that contradict each other or the data."""
        return

    def check_model(self, model, split, class_names):
        """Raises ValueError where a split is none that a trained model is for.

        Here by its classes, see `check_classes`.

        Args:
            model: the trained model.
            split: the split.
            class_names: of the data that it was trained on, ids as text where they have no names;
                none where there are no classes.
        """
        if class_names:
            own = getattr(model, "class_names", None)
            named = own is not None or class_names != numbered(len(class_names))
            check_classes(split.name, split, class_names, named, "the model", _AS_THE_RUN)

    def attention(self, config):
        """The attention layer of the settings."""
        return make_attention(config)

    def rates(self, config):
        """Learning rates by the attribute of the model that is the part; none where one is for all.

        The part `others` has the variables of no part's network.
        """
        return {}

    def inputs(self, splits, model, config, workdir):
        """The splits as the model takes them: tokens as ids, pictures as features."""
        return splits

    def fingerprints(self, config, splits):
        """What tells the data from others, by the name of a part: a run goes on with the same only.

        Splits, and the files and folders of `file_settings`, as far as they are there.
        """
        paths = {name: getattr(config, name) for name in self.file_settings}
        files = {
            name: path_fingerprint(path)
            for name, path in paths.items()
            if path is not None and Path(path).exists()
        }
        return {name: split.source.fingerprint() for name, split in splits.items()} | files

    def batches(self, split, config, first_step):
        """Endless `tf.data` batches of (inputs, targets), in the order of the seed, from a step."""
        return split.source.endless(config.batch_size, seed=config.seed, first_step=first_step)

    def validation_batches(self, split, config):
        """One pass over a split, for the figures `val_…` of every epoch."""
        return split.source.dataset(256)

    def device_inputs(self, splits, config, strategy):
        """What makes a batch's inputs on the device, in the compiled step: `prepare` of `Loop`."""
        return {}

    def probe(self, splits):
        """A batch of training examples to measure the drive to focus on.

        They are chosen at random, always the same: their order may be one of classes.
        """
        source = splits["train"].source
        rows = np.sort(np.random.default_rng(0).permutation(len(source))[:256])
        return next(iter(source.rows(rows).dataset(256)))

    def collapse(self, splits, config):
        """A `WarnOnCollapse` that knows chance's loss on the training examples; None for none."""
        return None

    def examples(self, model, split, config):
        """The content of examples.json: test examples for the run's page; None for none."""
        return None

    def figures(self, model, split, evaluation, config):
        """Pictures of the test split for the run's folder: matplotlib figures by name.

        Those that `facts` names under "pictures" are on the run's page.
        """
        return {}

    def files(self, model, splits, evaluations, config):
        """More text files for the run's folder, by name."""
        return {}

    def facts(self, splits):
        """More for results.json; "pictures": what is to stand above a figure, by its name."""
        return {}

    def floors(self, splits, training):
        """What chance or a simple baseline would give, by split: figures by name.

        Asked before training, so that what fails in it fails early.

        Args:
            splits: those that are evaluated, by name; "train", if it is one, may be a part.
            training: all training examples, to learn from.
        """
        return {}

    def card(self, config, splits):
        """What the task knows of the card of a run's preset: fields of `zoo.Card` by name.

        Here "protocol", and "data", the arguments of `datasets.load` that give the test examples.

        Args:
            config: the settings of the run.
            splits: "train" and "test", as of `load`.
        """
        train, test = splits["train"], splits["test"]
        examples = self.words.examples
        return {
            "data": {"name": test.name, "split": test.split},
            "protocol": f"trained on {len(train.source)} {examples} of {train.split!r}, measured "
            f"on {len(test.source)} of {test.split!r}",
        }

    def export(self, model, path, config):
        """Writes the SavedModel: of a model that is no FocusClassifier or Captioner by Keras."""
        if isinstance(model, (FocusClassifier, Captioner)):
            export(model, path)
        else:
            model.export(path, verbose=False)


def as_split(data, examples, split, expected, fields):
    """A split of what a user brings, or that split as it is.

    Args:
        data: what is brought.
        examples, split: the classes of both that a task takes.
        expected: what is expected, for the error.
        fields: callable, data -> more of the split, by name.

    Raises:
        ValueError: other data.
    """
    if isinstance(data, split):
        return data
    if not isinstance(data, examples):
        raise ValueError(f"data is a {type(data).__name__}, expected {expected}")
    return split(split="", source=data, **fields(data))


_AS_THE_RUN = ": where only the names differ, give the data these class_names"


def check_classes(name, split, class_names, named, whose, way_out=""):
    """Raises ValueError where a split has other classes than these, in another order, or more.

    Fewer it may have, for the last classes may happen to be missing in it. Where the classes of
    one of both have no names, nothing is known of their order.

    Args:
        name: of the split, for the error.
        split: the `datasets.Split`.
        class_names: in the order of the labels.
        named: whether these are names, not the ids of the labels as text.
        whose: whose classes these are, for the error.
        way_out: what else the error says where there are as many classes, or fewer.
    """
    own = split.class_names
    differ = named and split.named and own != class_names[: len(own)]
    more = len(own) > len(class_names)
    if differ or more:
        raise ValueError(
            f"{name} has the classes {list(own)}, expected those of {whose}, {list(class_names)}, "
            f"in this order{'' if more else way_out}"
        )
