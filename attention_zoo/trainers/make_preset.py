r"""Makes a preset with its card from a finished run on mosaics, text or bags.

    python -m attention_zoo.trainers.sdc --attention=soft --workdir=runs/sdc_digits_soft
    python -m attention_zoo.trainers.make_preset --run=runs/sdc_digits_soft \
        --preset=presets/sdc_digits_soft --description='Soft attention on digits.'

The weights are model.keras's, the figures results.json's, the settings config.json's; what a
folder does not tell (description, licence, machine, seconds, limits) is given by flags. The model
is measured again and must have the figures. About 10 s on digits.
"""

import dataclasses

from attention_zoo._settings import make, setting
from attention_zoo.trainers.command import Command


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """The run and its card."""

    run: str = setting("runs/sdc", "Folder of a finished run.", path=True)
    description: str = setting("", "What the preset is, in a sentence or two.")
    licence: str | None = setting(
        None, "Where the data come from, and their licence; as the data set says if unset."
    )
    machine: str = setting("", "Machine that the run was on.")
    seconds: float | None = setting(None, "That the run took, from start to finish.", above=0)
    limits: str = setting("", "What it is not good for; sentences with '; ' between them.")


def make_preset(preset, **settings):
    """Makes the preset.

    Args:
        preset: the folder to make; its last part is the preset's name.
        **settings: fields of `Settings`.

    Returns:
        Its `Card`.

    Raises:
        ValueError: the run is not a finished one on mosaics, text or bags by name, its model has
            not its figures, or the preset's folder has files. FileNotFoundError: the data are not
            there.
    """
    from attention_zoo.trainers.preset_of_run import preset_of_run

    return preset_of_run(preset, make(Settings, settings))


def page(card):
    """The card as Markdown."""
    return card.markdown()


COMMAND = Command(
    make_preset,
    Settings,
    "presets/sdc",
    page,
    __doc__,
    flag="preset",
    help="Folder to make; its last part is the preset's name.",
)
run = COMMAND.run  # the console script

if __name__ == "__main__":
    run()
