"""HateXplain: posts, what three annotators said of them, and the words that made them decide.

The posts are hateful: nothing here writes any of their text to a log or an error.

Reference: Mathew et al., AAAI 2021, arXiv:2012.10289.
"""

from pathlib import Path

from attention_zoo._paths import expanded
from attention_zoo.datasets.splits import parts_of
from attention_zoo.datasets.text.annotated_post import AnnotatedPost, check_annotators
from attention_zoo.datasets.text.hatexplain_files import CITATION, FILES, LABELS, SITE, SPLITS, read
from attention_zoo.datasets.text.posts import Posts, describe
from attention_zoo.datasets.tfds_utils import prepared


def load(split="train", *, annotators="majority", data_dir=None, download=True, seed=0):
    """Loads the posts of a split, every one with one label and at most one rationale.

    Args:
        split: "train", "validation", "test" or TFDS slices of them.
        annotators: How annotators are summed up. "majority": the label most of them gave, posts
            with a tie left out, and the tokens at least half of them marked. "union": that label,
            and the tokens any of them marked, as the scripts of the data set evaluate. "first":
            what the first annotator said.
        data_dir: A folder with the official files dataset.json and post_id_divisions.json, or one
            of `tensorflow_datasets`, where the prepared data set is or will be; None is its own
            default.
        download: Whether to fetch and prepare what is not there.
        seed: Changes nothing; every data set takes one.

    Returns:
        `TextInfo`, its source the posts.

    Raises:
        FileNotFoundError: The data is neither there nor to be had.
    """
    check_annotators(annotators)
    by_split, left_out = _read(data_dir, download)
    sizes = {name: len(posts) for name, posts in by_split.items()}
    parts = parts_of(split, sizes, "posts")
    chosen = [by_split[name][row] for name, _, rows in parts for row in rows]
    decided = [post for post in chosen if post.label(annotators) is not None]
    counts = {"undecided": len(chosen) - len(decided)}
    for name in {name for name, _, _ in parts}:
        counts |= {reason: counts.get(reason, 0) + n for reason, n in left_out[name].items()}
    if not decided:
        raise ValueError(f"split {split!r} has no decided post, expected one or more")
    posts = Posts.from_lists(
        [post.tokens for post in decided],
        [LABELS.index(post.label(annotators)) for post in decided],
        [post.rationale(annotators) for post in decided],
    )
    return describe("hatexplain", split, posts, LABELS, counts, CITATION, parts)


def _read(data_dir, download):
    """Lists of `AnnotatedPost` by split, and counts of what was left out by split."""
    data_dir = expanded(data_dir)
    folder = None if data_dir is None else Path(data_dir)
    if folder is not None and all((folder / name).is_file() for name in FILES.values()):
        return read(*(folder / name for name in FILES.values()))
    return _read_prepared(data_dir, download)


def _read_prepared(data_dir, download):
    """The same from what `tensorflow_datasets` prepared."""
    from attention_zoo.datasets.text.hatexplain_builder import Hatexplain  # slow to import

    remedy = f"put {' and '.join(FILES.values())} of {SITE} into a folder and name it as data_dir"
    builder = prepared(Hatexplain(data_dir=data_dir), download, remedy=remedy)
    posts = {split: [_post(one) for one in _examples(builder, split)] for split in SPLITS}
    return posts, builder.info.metadata["left_out"]


def _examples(builder, split):
    import tensorflow_datasets as tfds

    config = tfds.ReadConfig(try_autocache=False, interleave_cycle_length=1)
    return tfds.as_numpy(builder.as_dataset(split=split, shuffle_files=False, read_config=config))


def _post(example):
    """A prepared example as an `AnnotatedPost`."""
    annotators = example["annotators"]
    rationales, targets = (_rows(annotators[name]) for name in ("rationale", "targets"))
    return AnnotatedPost(
        example["id"].decode(),
        tuple(token.decode() for token in example["tokens"]),
        tuple(LABELS[label] for label in annotators["label"]),
        tuple(
            tuple(map(int, marks)) if given else None
            for marks, given in zip(rationales, annotators["has_rationale"], strict=True)
        ),
        tuple(tuple(name.decode() for name in names) for names in targets),
    )


def _rows(ragged):
    """The rows of a ragged array, whichever of its two shapes TFDS gives it."""
    return ragged.to_list() if hasattr(ragged, "to_list") else list(ragged)
