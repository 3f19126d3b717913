"""Folders of runs, made by hand, and a reader of pages."""

import base64
import csv
import json
from html.parser import HTMLParser

import numpy as np
import pytest

from attention_zoo import plots

VOID = {"br", "hr", "img", "link", "meta", "wbr"}
PIXEL = "data:image/png;base64,iVBORw0KGgo="


class Page(HTMLParser):
    """What a page holds.

    Attributes:
        tables: by caption, rows of texts, that of the head first; of one cell where it spans all.
        marked: texts of the marked cells, by caption.
        links: values of all href and src.
        tags: (tag, attributes) of every element.
        terms: what is explained where all can read it, {name: meaning}.
        abbreviations: (text, title) of every abbr.
        text: all text outside of styles.
        faults: tags that were not closed, or not opened.
    """

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.tables, self.marked, self.links, self.tags, self.faults = {}, {}, [], [], []
        self.text, self._open, self._caption, self._rows = "", [], None, []
        self.terms, self.abbreviations, self._listed = {}, [], {}
        self.feed(html)
        self.close()
        self.faults += self._open

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        self.links += [attributes[name] for name in ("href", "src") if name in attributes]
        if tag not in VOID:
            self._open.append(tag)
        if tag == "dl":
            self._listed = {} if attributes.get("class") != "terms" else self.terms
        if tag == "dt":
            self._term = ""
        if tag == "dd":
            self._listed[self._term] = ""
        if tag == "abbr":
            self.abbreviations.append(("", attributes["title"]))
        if tag == "caption":
            self._caption = ""
        if tag == "tr":
            self.tables[self._caption].append([])
        if tag in ("td", "th"):
            self.tables[self._caption][-1].append("")

    def handle_endtag(self, tag):
        if not self._open or self._open.pop() != tag:
            self.faults.append(f"/{tag}")
        if tag == "caption":
            self.tables[self._caption], self.marked[self._caption] = [], []

    def handle_data(self, data):
        if "style" in self._open:
            return
        self.text += data
        if "dt" in self._open:
            self._term += data
        if "dd" in self._open:
            self._listed[self._term] += data
        if "abbr" in self._open:
            text, title = self.abbreviations[-1]
            self.abbreviations[-1] = text + data, title
        if "caption" in self._open:
            self._caption += data
        elif {"td", "th"} & set(self._open):
            self.tables[self._caption][-1][-1] += data
        if "td" in self._open and "mark" in self._open:
            self.marked[self._caption].append(data)


def drawings(page):
    """The pictures in SVG, by their words."""
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    start = "data:image/svg+xml;base64,"
    return {
        one["alt"]: base64.b64decode(one["src"].removeprefix(start)).decode()
        for one in images
        if one["src"].startswith(start)
    }


@pytest.fixture(scope="session")
def drawn():
    """(page) -> its pictures in SVG, by their words."""
    return drawings


@pytest.fixture(scope="session")
def read_page():
    """(path of a page) -> what it holds, `Page`."""
    return lambda path: Page(path.read_text("utf-8"))


def figures(seed):
    """Figures of a split, as `Evaluation.scalars` has them."""
    rng = np.random.default_rng(seed)
    found = {"focus_accuracy": rng.random(), "entropy": rng.random()}
    for way in ("argmax", "marginal", "soft"):
        cells = rng.dirichlet(np.ones(4)).tolist()
        found |= {f"{way}_accuracy": cells[0] + cells[1], f"{way}_nll": 2 * rng.random()}
        found |= dict(zip([f"{way}_{c}" for c in ("FTPT", "FFPT", "FTPF", "FFPF")], cells))
    return {name: float(value) for name, value in found.items()}


def columns(epochs, seed):
    rng = np.random.default_rng(seed)
    found = {"epoch": np.arange(1, epochs + 1)}
    for prefix in ("", "val_"):
        cells = rng.dirichlet(np.ones(4), epochs)
        found |= {f"{prefix}{c}": cells[:, i] for i, c in enumerate(("FTPT", "FFPT", "FTPF"))}
        found[f"{prefix}FFPF"] = cells[:, 3]
        found[f"{prefix}label_accuracy"] = cells[:, 0] + cells[:, 1]
        names = ("loss", "focus_accuracy", "focus_entropy")
        found |= {prefix + name: rng.random(epochs) for name in names}
    return found


def example(**more):
    return {
        "number": 7,
        "label": "cat",
        "prediction": "dog",
        "likelihood": 0.125,
        "attention": [0.25, 0.75],
        "true": [0],
    } | more


WORDS = {
    "mosaics": {
        "example": "mosaic",
        "examples": "mosaics",
        "segment": "image",
        "segments": "images",
    },
    "text": {
        "examples": "posts",
        "segment": "word",
        "segments": "words",
        "truth": "the rationale",
        "known": "with a rationale",
    },
}


@pytest.fixture(scope="session")
def about_of():
    """(task) -> about.json of a run of it."""
    return lambda task: {"task": task, "words": WORDS[task]}


@pytest.fixture(scope="session")
def make_example():
    """(**more) -> an example of examples.json."""
    return example


@pytest.fixture(scope="session")
def make_run():
    """(folder, seed=0, config=…, without=…, **files) -> the folder of a finished run of mosaics.

    `files` take the place of contents by name, without .json; `without` names files to leave out.
    """

    def make(folder, seed=0, config=None, without=(), **files):
        folder.mkdir(parents=True, exist_ok=True)
        config = {"attention": "soft", "dataset": "sdc/digits", "epochs": 3, "seed": seed} | (
            config or {}
        )
        histogram = np.arange(25).reshape(5, 5).tolist()
        contents = {
            "config": config,
            "about": {
                "task": "mosaics",
                "words": WORDS["mosaics"],
                "began": "2026-01-02T03:04:05+00:00",
                "attention_zoo": "0.1",
                "keras": "3",
                "tensorflow": "2",
                "defaults": config | {"epochs": 6, "seed": 0},
            },
            "results": {split: figures(seed + i) for i, split in enumerate(("train", "test"))},
            "histograms": {
                "way_to_predict": "argmax",
                "splits": {"test": {"argmax": histogram}},
            },
            "examples": {
                "way_to_predict": "argmax",
                "best": [example(prediction="cat", likelihood=0.875, pictures=[PIXEL] * 2)],
                "worst": [example(pictures=[PIXEL] * 2)],
            },
        } | files
        for name, content in contents.items():
            if name not in without:
                (folder / f"{name}.json").write_text(json.dumps(content), "utf-8")
        if "metrics" not in without:
            table = columns(3, seed)
            with (folder / "metrics.csv").open("w", newline="") as file:
                csv.writer(file).writerows([table, *zip(*table.values())])
        if "mosaics" not in without:
            figure = plots.joint_histogram(histogram)
            figure.savefig(folder / "mosaics.png", dpi=20)
        return folder

    return make
