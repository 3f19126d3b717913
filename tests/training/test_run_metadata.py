import dataclasses
import datetime
import json

from attention_zoo.trainers.sdc import Settings
from attention_zoo.training.run_metadata import write_about
from attention_zoo.training.workdir import Workdir


def test_a_run_keeps_what_was_written_when_it_began(tmp_path):
    run = Workdir(tmp_path, {})
    write_about(run, "sdc", Settings())
    about = json.loads((tmp_path / "about.json").read_text())
    assert about["trainer"] == "sdc"
    assert about["defaults"] == dataclasses.asdict(Settings())
    age = datetime.datetime.now(datetime.timezone.utc) - datetime.datetime.fromisoformat(
        about["began"]
    )
    assert 0 <= age.total_seconds() < 60
    write_about(run, "another", Settings(epochs=9))
    assert json.loads((tmp_path / "about.json").read_text()) == about
