"""The `tensorflow_datasets` builder of HateXplain."""

from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds
from absl import logging

from attention_zoo.datasets.text.hatexplain_files import CITATION, FILES, LABELS, SITE, SPLITS, read


class Hatexplain(tfds.core.GeneratorBasedBuilder):
    """HateXplain from its official files: every post of the official splits, every annotator.

    The files are taken from the manual folder if they are there, and downloaded if not. What is
    left out (see `hatexplain_files.read`) is logged and counted in `info.metadata`.

    Warning: the posts are hateful.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "The official files as of 2020."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"Optional: put {FILES['posts']} and {FILES['divisions']} of {SITE} into the folder."
    )

    def _info(self):
        annotator = {
            "label": tfds.features.ClassLabel(names=LABELS),
            "has_rationale": tfds.features.Scalar(np.bool_),
            "rationale": tfds.features.Sequence(np.int32),
            "targets": tfds.features.Sequence(tfds.features.Text()),
        }
        features = {
            "id": tfds.features.Text(),
            "tokens": tfds.features.Sequence(tfds.features.Text()),
            "annotators": tfds.features.Sequence(annotator),
            "label": tfds.features.ClassLabel(names=LABELS),  # majority; -1 for a tie
            "rationale": tfds.features.Sequence(np.int32),  # majority; empty if there is none
        }
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features),
            homepage="https://github.com/hate-alert/HateXplain",
            description="Posts with labels and rationales of up to three annotators.",
            citation=CITATION,
            metadata=tfds.core.MetadataDict(),
        )

    def _split_generators(self, dl_manager):
        posts, left_out = read(*self._files(dl_manager).values())
        for split, counts in left_out.items():
            if counts.total():
                logging.warning("hatexplain, %s: left out %s", split, dict(counts))
        self.info.metadata["left_out"] = {split: dict(one) for split, one in left_out.items()}
        return {split: self._generate_examples(posts[split]) for split in SPLITS}

    @property
    def has_manual_files(self):
        """Whether both files are in the manual folder of the data sets' folder."""
        folder = Path(self.data_dir_root) / "downloads" / "manual"
        return all((folder / name).exists() for name in FILES.values())

    def _files(self, dl_manager):
        try:
            folder = dl_manager.manual_dir
        except AssertionError:  # there is none
            folder = None
        if folder is not None and all((folder / name).exists() for name in FILES.values()):
            return {kind: folder / name for kind, name in FILES.items()}
        return dl_manager.download({kind: f"{SITE}/{name}" for kind, name in FILES.items()})

    def _generate_examples(self, posts):
        for post in posts:
            label = post.label()
            yield (
                post.post_id,
                {
                    "id": post.post_id,
                    "tokens": list(post.tokens),
                    "annotators": [_annotator(*one) for one in _each(post)],
                    "label": -1 if label is None else label,
                    "rationale": list(post.rationale() or ()),
                },
            )


def _each(post):
    return zip(post.labels, post.rationales, post.targets, strict=True)


def _annotator(label, rationale, targets):
    return {
        "label": label,
        "has_rationale": rationale is not None,
        "rationale": list(rationale or ()),
        "targets": list(targets),
    }
