"""Which classes of the base images are foreground, by name."""

import collections.abc

_CIFAR100_SUPERCLASSES = {
    "aquatic mammals": ("beaver", "dolphin", "otter", "seal", "whale"),
    "fish": ("aquarium_fish", "flatfish", "ray", "shark", "trout"),
    "insects": ("bee", "beetle", "butterfly", "caterpillar", "cockroach"),
    "large carnivores": ("bear", "leopard", "lion", "tiger", "wolf"),
    "large omnivores and herbivores": ("camel", "cattle", "chimpanzee", "elephant", "kangaroo"),
    "medium-sized mammals": ("fox", "porcupine", "possum", "raccoon", "skunk"),
    "non-insect invertebrates": ("crab", "lobster", "snail", "spider", "worm"),
    "people": ("baby", "boy", "girl", "man", "woman"),
    "reptiles": ("crocodile", "dinosaur", "lizard", "snake", "turtle"),
    "small mammals": ("hamster", "mouse", "rabbit", "shrew", "squirrel"),
}

# Names or ids of the foreground classes of each set of base images, in the order of the labels.
FOREGROUND_CLASSES: dict[str, tuple[str | int, ...]] = {
    "digits": (0, 1, 2),
    "cifar10": ("airplane", "automobile", "bird"),
    "cifar100": tuple(name for names in _CIFAR100_SUPERCLASSES.values() for name in names),
    "mnist": (0, 1, 2),
    "fashion_mnist": (0, 1, 2),
}


def class_ids(classes, class_names):
    """Turns foreground classes, names or ids, into ids.

    Args:
        classes: Names out of `class_names`, or ids.
        class_names: All class names, in the order of the ids.
    """
    classes = as_list(classes)
    ids = {name: i for i, name in enumerate(class_names)} | {i: i for i in range(len(class_names))}
    unknown = [one for one in classes if one not in ids]
    if unknown:
        raise ValueError(
            f"foreground_classes has {unknown}, expected ids below {len(class_names)} "
            f"or names among {', '.join(class_names)}"
        )
    return [ids[one] for one in classes]


def as_list(classes):
    """Foreground classes as a list; ValueError where they are no sequence, or one name alone."""
    if isinstance(classes, str) or not isinstance(classes, collections.abc.Iterable):
        raise ValueError(f"foreground_classes is {classes!r}, expected a list of classes")
    return list(classes)
