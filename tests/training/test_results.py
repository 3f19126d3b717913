import dataclasses
import datetime
import json

from attention_zoo.tasks.mosaics_config import MosaicsConfig
from attention_zoo.training.about import write_metadata
from attention_zoo.training.task import Words
from attention_zoo.training.workdir import Workdir


def test_a_run_keeps_what_was_written_when_it_began(tmp_path):
    run = Workdir(tmp_path, {})
    write_metadata(run, "mosaics", MosaicsConfig(), Words(example="mosaic"))
    about = json.loads((tmp_path / "about.json").read_text())
    assert about["task"] == "mosaics" and about["words"]["example"] == "mosaic"
    assert about["defaults"] == dataclasses.asdict(MosaicsConfig())
    age = datetime.datetime.now(datetime.timezone.utc) - datetime.datetime.fromisoformat(
        about["began"]
    )
    assert 0 <= age.total_seconds() < 60
    write_metadata(run, "another", MosaicsConfig(epochs=9))
    assert json.loads((tmp_path / "about.json").read_text()) == about


def test_a_run_in_the_place_of_an_attempt_without_checkpoint_writes_its_own(tmp_path):
    for task in ("mosaics", "another"):
        write_metadata(Workdir(tmp_path, {}), task, MosaicsConfig())
        assert json.loads((tmp_path / "about.json").read_text())["task"] == task
