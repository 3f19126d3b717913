import pytest

from attention_zoo.datasets.mosaics.sdc import FOREGROUND_CLASSES, class_ids

# The fine classes of CIFAR-100 in the order of their ids, as its authors list them.
_CIFAR100 = """
    apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly
    camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile
    cup dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp
    lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom
    oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine
    possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake
    spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor
    train trout tulip turtle wardrobe whale willow_tree wolf woman worm
"""

# The other half: flowers, food containers, fruit and vegetables, electrical devices, furniture,
# man-made and natural outdoor things, trees, vehicles 1 and 2.
_NO_ANIMALS = """
    orchid poppy rose sunflower tulip bottle bowl can cup plate
    apple mushroom orange pear sweet_pepper clock keyboard lamp telephone television
    bed chair couch table wardrobe bridge castle house road skyscraper
    cloud forest mountain plain sea maple_tree oak_tree palm_tree pine_tree willow_tree
    bicycle bus motorcycle pickup_truck train lawn_mower rocket streetcar tank tractor
"""

CIFAR100, NO_ANIMALS = _CIFAR100.split(), _NO_ANIMALS.split()


def test_cifar100_foreground_is_the_animal_and_people_half():
    foreground = FOREGROUND_CLASSES["cifar100"]
    assert len(foreground) == len(set(foreground)) == 50
    assert set(foreground) == set(CIFAR100) - set(NO_ANIMALS)


def test_names_and_ids_become_ids():
    assert class_ids(("worm", 0, "beaver"), CIFAR100) == [99, 0, 4]
    assert len(set(class_ids(FOREGROUND_CLASSES["cifar100"], CIFAR100))) == 50


def test_unknown_classes_are_named():
    with pytest.raises(
        ValueError, match=r"^foreground_classes has \['c', 3\], expected ids below 2"
    ):
        class_ids(("a", "c", 3), ("a", "b"))
