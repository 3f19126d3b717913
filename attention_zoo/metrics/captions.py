"""How well captions agree with what people wrote: the scores of the COCO caption challenge.

They come from `pycocoevalcap` (`pip install attention-zoo[captions]`). Its own evaluation first
runs the Penn Treebank's tokeniser, a Java program. Captions are given here as words already, so
that step is left out: scores are the library's wherever its tokeniser would give the same words.
METEOR is a Java program itself and is left out where there is no Java.

Reference: Chen et al., Microsoft COCO Captions, arXiv:1504.00325.
"""

import importlib.util
import shutil
import subprocess

SCORES = ("bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l", "cider", "meteor")


def caption_scores(references, captions):
    """BLEU-1 to 4, ROUGE-L, CIDEr and, where there is Java, METEOR of n captions.

    BLEU is of the whole set of captions, the others are means over it. CIDEr takes the rarity of
    words from these references, so it is of use for many pictures only, and 0 for one.

    Args:
        references: n lists of one or more strings, what people wrote: words between blanks, in
            the case and without the punctuation of the captions.
        captions: n strings, one caption for each picture; "" says nothing.

    Returns:
        Numbers by name: those of `SCORES`, as far as `missing_scores` does not name them. From 0
        to 1, but CIDEr, which goes to 10.

    Raises:
        ImportError: pycocoevalcap is not installed.
    """
    _check(references, captions)
    if not has_scores():
        raise ImportError(
            "pycocoevalcap is not installed, expected it for scores of captions: "
            "pip install attention-zoo[captions]"
        )
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    true = {i: [" ".join(one.split()) for one in some] for i, some in enumerate(references)}
    said = {i: [" ".join(caption.split())] for i, caption in enumerate(captions)}
    bleu, _ = Bleu(4).compute_score(true, said, verbose=0)
    scores = {f"bleu_{n}": float(value) for n, value in enumerate(bleu, start=1)}
    scores["rouge_l"] = float(Rouge().compute_score(true, said)[0])
    scores["cider"] = float(Cider().compute_score(true, said)[0])
    if _has_java():
        scores["meteor"] = _meteor(true, said)
    return scores


def has_scores():
    """Whether `caption_scores` has the library it needs."""
    return importlib.util.find_spec("pycocoevalcap") is not None


def missing_scores():
    """What `caption_scores` leaves out on this machine, and why: reasons by name."""
    if not has_scores():
        return dict.fromkeys(SCORES, "pycocoevalcap is not installed")
    return {} if _has_java() else {"meteor": "there is no Java that runs"}


def _has_java():
    """Whether there is a Java that runs: the command alone may be there to offer one."""
    java = shutil.which("java")
    if java is None:
        return False
    return subprocess.run([java, "-version"], capture_output=True).returncode == 0


def _meteor(true, said):
    from pycocoevalcap.meteor.meteor import Meteor

    scorer = Meteor()
    try:
        return float(scorer.compute_score(true, said)[0])
    except Exception as error:  # it reads what a Java program prints: anything may go wrong
        raise OSError(f"METEOR failed ({error}), expected a Java that runs with 2 GB") from error
    finally:
        if scorer.lock.locked():  # it stays so after an error, and its end waits for it
            scorer.lock.release()
        scorer.meteor_p.kill()
        for pipe in (scorer.meteor_p.stdout, scorer.meteor_p.stderr):
            pipe.close()


def _check(references, captions):
    for name, given in (("references", references), ("captions", captions)):
        if isinstance(given, str) or not hasattr(given, "__len__"):
            raise ValueError(f"{name} are a {type(given).__name__}, expected a list, one a picture")
    if len(references) != len(captions) or not len(captions):
        raise ValueError(
            f"references are of {len(references)} pictures, captions of {len(captions)}, expected "
            "the same number, 1 or more"
        )
    for i, some in enumerate(references):
        if isinstance(some, str) or not _are_texts(some):
            raise ValueError(f"references of picture {i} are {some!r}, expected a list of strings")
    for i, caption in enumerate(captions):
        if not isinstance(caption, str):
            raise ValueError(f"caption of picture {i} is {caption!r}, expected a string of words")


def _are_texts(values):
    """Whether these are one or more strings, in a list or an array."""
    try:
        return len(values) > 0 and all(isinstance(one, str) for one in values)
    except TypeError:
        return False
