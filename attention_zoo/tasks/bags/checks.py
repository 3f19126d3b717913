"""What contradicts what among settings and data of bags: said before anything is made."""

from attention_zoo.models import POOLS
from attention_zoo.report.run import OWN_DATA
from attention_zoo.tasks.bags.networks import are_pictures
from attention_zoo.training.checks import check_needs, check_unset
from attention_zoo.training.learning_rates import encoder_learns_apart

_OF_DRAWN = ("num_examples", "num_test_examples", "mean_size")
_OF_A_CUT = ("folds", "fold", "repeat")
_SPLITS = "the splits of labels.csv"
_OF_PICTURES = ("fine_tune_encoder", "image_size")
_OF_TRAINING = ("encoder_learning_rate", "layer_decay", "frozen_epochs")


def check_data(config, splits, cut):
    """Raises ValueError for settings that the data set has no use for.

    Not asked where a finished run is evaluated, whose settings were written by another version.

    Args:
        config: the settings; bags of a user's own are no data set of a name.
        splits: by name.
        cut: whether bags that are there already were cut into these.
    """
    if config.dataset == "bags/digits":
        names = ("data_dir", *_OF_A_CUT, "validation")
        check_unset(config, names, f"dataset {config.dataset!r}")
    elif config.dataset != OWN_DATA:
        check_unset(config, _OF_DRAWN, f"dataset {config.dataset!r}")
        if not cut:
            check_unset(config, _OF_A_CUT, _SPLITS)
        if not cut and (config.validation or "validation" in splits):
            check_unset(config, ("validation",), _SPLITS)


def check_cases(splits):
    """Raises ValueError where a case of one split is in another; bags without a case have none."""
    places: dict[str, str] = {}
    for name, split in splits.items():
        unnamed = split.name != "bags/slides" and split.source.cases == split.source.names
        for case in () if unnamed else sorted(set(split.source.cases)):
            if places.setdefault(case, name) != name:
                raise ValueError(
                    f"case {case} is in {places[case]} and in {name}, expected it in one split"
                )


def check_rates(config):
    """Raises ValueError for rates of their own of parts that training without attention lacks."""
    if config.attention not in POOLS:
        return
    if config.classifier_learning_rate is not None:
        raise ValueError(
            f"classifier_learning_rate is {config.classifier_learning_rate} with "
            f"{config.attention}, expected none: it has no focus network to learn otherwise"
        )
    if encoder_learns_apart(config):
        raise ValueError(
            f"the encoder has rates of its own with {config.attention}, expected none: it has "
            "no focus network to learn otherwise"
        )


def check_encoder(config, data):
    """Raises ValueError for settings of an encoder that is not there, or that it has no use for."""
    check_needs(config, {"encoder": _OF_PICTURES})
    if config.standardize and (config.encoder or len(data.segment_shape) != 1):
        instances = "an encoder" if config.encoder else f"instances {data.segment_shape}"
        raise ValueError(
            f"standardize is True with {instances}, expected it unset: only vectors are "
            "standardised, for the package's own network"
        )
    if config.encoder is None:
        return
    if are_pictures(data):
        check_needs(config, {"fine_tune_encoder": _OF_TRAINING})
    else:
        instances = f"instances {data.segment_shape} of {data.source.instances.dtype}"
        check_unset(config, _OF_PICTURES, f"{instances}, whose network is trained as it is")
