"""Learning rates over the steps of a run, and over the depth of an encoder."""

from keras.optimizers.schedules import CosineDecay, PolynomialDecay

from attention_zoo.optimizers import WarmUp
from attention_zoo.optimizers.depths import by_depth
from attention_zoo.optimizers.parts import parts_of
from attention_zoo.training.config import EncoderConfig

# Of a rate and the steps after warm-up.
SCHEDULES = {
    None: lambda rate, steps: rate,
    "constant": lambda rate, steps: rate,
    "linear": lambda rate, steps: PolynomialDecay(rate, steps, end_learning_rate=0.0),
    "cosine": CosineDecay,
}


def encoder_is_frozen(settings):
    """Whether the encoder is never trained."""
    return _frozen_epochs(settings) >= settings.epochs


def encoder_learns_apart(settings):
    """Whether the settings give an encoder that is trained rates of its own."""
    if not isinstance(settings, EncoderConfig) or encoder_is_frozen(settings):
        return False
    is_set = settings.encoder_learning_rate is not None
    return is_set or settings.layer_decay < 1 or settings.frozen_epochs > 0


def are_scheduled(settings):
    """Whether a part's rate is more than a number."""
    return _frozen_first(settings) > 0 or _change(settings)


def _frozen_epochs(settings):
    return settings.frozen_epochs if isinstance(settings, EncoderConfig) else 0


def _frozen_first(settings):
    """Epochs before the encoder is trained; 0 where it never is, too."""
    return 0 if encoder_is_frozen(settings) else _frozen_epochs(settings)


def _change(settings):
    """Whether rates change over the steps."""
    return bool(settings.warmup) or settings.schedule not in (None, "constant")


def scheduled(settings, rate, steps_per_epoch, frozen_epochs=0):
    """A part's learning rate: a number, or a schedule where the settings want one.

    Args:
        settings: `TaskConfig`.
        rate: the rate after warm-up.
        steps_per_epoch: steps an epoch.
        frozen_epochs: epochs at rate 0 before all else.
    """
    if not frozen_epochs and not _change(settings):
        return rate
    start = frozen_epochs * steps_per_epoch
    left = settings.epochs * steps_per_epoch - start
    warmup = round((settings.warmup or 0.0) * left)
    return WarmUp(SCHEDULES[settings.schedule](rate, max(left - warmup, 1)), warmup, start)


def rates_of_parts(settings, model, rates, others, steps_per_epoch):
    """Of each part of a model its rate, and of each trainable variable its part.

    Args:
        settings: `TaskConfig`.
        model: the built model.
        rates, others: as of `Task`.
        steps_per_epoch: steps an epoch.

    Raises:
        ValueError: rates by depth for an encoder of one depth.
    """
    parts = parts_of(model, rates, others)
    frozen = {}
    if isinstance(settings, EncoderConfig) and "encoder" in rates:
        frozen["encoder"] = _frozen_first(settings)
        if settings.layer_decay < 1:
            names, own = _by_depth(settings, model.encoder, rates["encoder"])
            frozen = dict.fromkeys(own, _frozen_first(settings))
            rates = {part: rate for part, rate in rates.items() if part != "encoder"} | own
            variables = zip(model.trainable_variables, parts, strict=True)
            parts = [names[id(one)] if part == "encoder" else part for one, part in variables]
    made = {
        part: scheduled(settings, rate, steps_per_epoch, frozen.get(part, 0))
        for part, rate in rates.items()
    }
    return made, parts


def _by_depth(settings, encoder, rate):
    """(names, rates): the part of each of an encoder's variables, by its id, and of each part."""
    depths = by_depth(encoder)
    if len(depths) < 2:
        raise ValueError(
            f"layer_decay is {settings.layer_decay}, expected 1.0 with this encoder: none of its "
            "layers that are trained lies above another"
        )
    parts = [f"encoder_{height}" for height in range(len(depths))]
    named = zip(parts, depths, strict=True)
    names = {id(one): part for part, variables in named for one in variables}
    above = reversed(range(len(depths)))
    return names, {p: rate * settings.layer_decay**n for p, n in zip(parts, above, strict=True)}
