"""What `tensorflow_datasets` prepares is what the files say."""

import shutil

import numpy as np
import pytest
import requests
import tensorflow_datasets as tfds

from attention_zoo import datasets
from attention_zoo.datasets.text.hatexplain_builder import Hatexplain


@pytest.fixture(scope="module")
def prepared(hatexplain_dir, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tfds")
    config = tfds.download.DownloadConfig(manual_dir=str(hatexplain_dir))
    Hatexplain(data_dir=folder).download_and_prepare(download_config=config)
    return folder


@pytest.mark.parametrize("split", ["train", "validation", "test"])
@pytest.mark.parametrize("annotators", ["majority", "union", "first"])
def test_prepared_equals_read(hatexplain_dir, prepared, split, annotators):
    def posts(folder):
        dataset, info = datasets.load(
            "hatexplain", split, data_dir=folder, batch_size=1000, annotators=annotators
        )
        ((tokens, targets),) = dataset
        rows = zip(tokens.numpy(), targets["label"].numpy(), targets["focus"].numpy(), strict=True)
        return info.left_out, sorted((t.tolist(), int(y), r.tolist()) for t, y, r in rows)

    assert posts(prepared) == posts(hatexplain_dir)


def test_every_annotator_is_there(prepared, miniature):
    builder = Hatexplain(data_dir=prepared)
    assert builder.info.metadata["left_out"] == {"train": {}, "validation": {}, "test": {}}
    for example in tfds.as_numpy(builder.as_dataset(split="test")):
        entry = miniature[0][example["id"].decode()]
        labels = [
            builder.info.features["annotators"]["label"].int2str(i)
            for i in example["annotators"]["label"]
        ]
        assert labels == [one["label"] for one in entry["annotators"]]
        undecided = len(set(labels)) == 3
        assert (example["label"] == -1) == undecided
        if not undecided and labels[0] != "normal":
            np.testing.assert_array_equal(example["rationale"], entry["rationales"][0])


def test_files_are_downloaded_from_the_official_place(hatexplain_dir, tmp_path, monkeypatch):
    asked = []

    def download(self, urls):
        asked.append(urls)
        names = {"posts": "dataset.json", "divisions": "post_id_divisions.json"}
        return {kind: shutil.copy(hatexplain_dir / names[kind], tmp_path) for kind in urls}

    answer = requests.Response()
    answer.status_code = 200
    monkeypatch.setattr(requests, "head", lambda url, timeout: answer)
    monkeypatch.setattr(tfds.download.DownloadManager, "download", download)
    info = datasets.load("hatexplain", "test", data_dir=tmp_path / "tfds")[1]
    assert info.num_examples == 26
    assert asked == [
        {
            "posts": "https://raw.githubusercontent.com/hate-alert/HateXplain/master/Data/dataset.json",
            "divisions": "https://raw.githubusercontent.com/hate-alert/HateXplain/master/Data/"
            "post_id_divisions.json",
        }
    ]


def test_files_in_the_manual_folder_need_no_network(hatexplain_dir, tmp_path, monkeypatch):
    def head(url, timeout):
        raise requests.ConnectionError

    monkeypatch.setattr(requests, "head", head)
    with pytest.raises(FileNotFoundError, match=r"was not downloaded \(ConnectionError\); put dat"):
        datasets.load("hatexplain", "test", data_dir=tmp_path)
    manual = tmp_path / "downloads" / "manual"
    shutil.copytree(hatexplain_dir, manual)
    assert datasets.load("hatexplain", "test", data_dir=tmp_path)[1].num_examples == 26


def test_unsound_files_in_the_manual_folder_are_told_as_such(tmp_path, monkeypatch):
    manual = tmp_path / "downloads" / "manual"
    manual.mkdir(parents=True)
    (manual / "dataset.json").write_text("[]")
    (manual / "post_id_divisions.json").write_text("{}")
    with pytest.raises(ValueError, match="dataset.json is a JSON list, expected an object$"):
        datasets.load("hatexplain", "test", data_dir=tmp_path)


def test_sums_of_the_official_files_are_registered():
    sizes = {url.rsplit("/", 1)[1]: info.size for url, info in Hatexplain.url_infos.items()}
    assert sizes == {"dataset.json": 12_256_170, "post_id_divisions.json": 591_921}
