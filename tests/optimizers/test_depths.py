"""What of an encoder lies how far down: networks within networks, blocks, weights of no layer."""

import keras

from attention_zoo.layers import PerSegment
from attention_zoo.models import application
from attention_zoo.models.networks.image_encoders import fine_tune, vgg19
from attention_zoo.optimizers.depths import by_depth


def dense(*names):
    return [keras.layers.Dense(4, name=name) for name in names]


def network(*layers):
    return keras.Sequential([keras.Input((4,)), *layers])


def owners(encoder):
    """Of each depth the names of the layers whose variables these are."""
    return [
        list(dict.fromkeys(v.path.split("/")[-2] for v in depth)) for depth in by_depth(encoder)
    ]


def assert_whole(encoder):
    """Each trained variable is in one depth."""
    found = [id(v) for depth in by_depth(encoder) for v in depth]
    assert sorted(found) == sorted(id(v) for v in encoder.trainable_variables)


class Block(keras.layers.Layer):
    """A dense layer, attention from a token to itself, and a list of two more dense layers."""

    def build(self, shape):
        self.attention = keras.layers.MultiHeadAttention(2, 2, name="attention")
        self.attention.build(shape, shape)
        self.dense = dense("first", "second")
        for layer in self.dense:
            layer.build(shape)
        self.built = True

    def call(self, x):
        x = x + self.attention(x, x)
        return self.dense[1](self.dense[0](x))


class Tower(keras.layers.Layer):
    """A class token's place, a list of blocks, a layer normalisation."""

    def build(self, shape):
        self.blocks = [Block(name=f"block_{i}") for i in range(3)]
        for block in self.blocks:
            block.build(shape)
        self.norm = keras.layers.LayerNormalization(name="norm")
        self.norm.build(shape)
        self.place = self.add_weight(shape=(4,), name="place")
        self.built = True

    def call(self, x):
        x = x + self.place
        for block in self.blocks:
            x = block(x)
        return self.norm(x)


def test_nesting_changes_nothing():
    a, b, c, d = dense("a", "b", "c", "d")
    for encoder in (
        network(a, b, c, d),
        PerSegment(network(a, b, c, d)),
        network(network(network(a, b), network(c, d))),
        keras.layers.TimeDistributed(network(a, network(b, c), d)),
    ):
        encoder.build(encoder.input_shape if isinstance(encoder, keras.Model) else (None, 3, 4))
        assert owners(encoder) == [["a"], ["b"], ["c"], ["d"]]
        assert_whole(encoder)


def test_blocks_of_a_backbone_within_a_network():
    """What lies around the backbone belongs to its ends."""
    names = ("embedding", "a_layer_0", "a_layer_1", "norm")
    encoder = network(*dense("below"), network(*dense(*names)), *dense("above"))
    assert owners(encoder) == [
        ["below", "embedding"],
        ["a_layer_0"],
        ["a_layer_1", "norm", "above"],
    ]


def test_a_network_that_is_used_twice_lies_where_it_comes_first():
    x = keras.Input((4,))
    shared, between = network(*dense("shared")), network(*dense("between"))
    encoder = keras.Model(x, shared(between(shared(x))))
    assert owners(encoder) == [["shared"], ["between"]]
    assert_whole(encoder)


def test_blocks_in_a_list_are_depths_and_not_taken_apart():
    """As KerasHub's ViT is built: two layers, the upper of which holds all blocks."""
    x = keras.Input((3, 4))
    encoder = keras.Model(x, Tower(name="tower")(keras.layers.Dense(4, name="patches")(x)))
    found = [{v.path.split("/")[1] for v in depth} for depth in by_depth(encoder)]
    assert owners(encoder)[0] == ["patches"] and owners(encoder)[-1] == ["norm"]
    assert len(found) == 5 and [len(depth) for depth in by_depth(encoder)] == [2, 13, 12, 12, 2]
    assert "place" in by_depth(encoder)[1][0].path
    assert_whole(encoder)


def test_weights_that_no_layer_has_lie_at_the_bottom():
    class Positioned(keras.Model):
        def build(self, shape):
            self.below, self.above = dense("below", "above")
            self.below.build(shape)
            self.above.build(shape)
            self.positions = self.add_weight(shape=(4,), name="positions")
            self.built = True

        def call(self, x):
            return self.above(self.below(x + self.positions))

    encoder = Positioned()
    encoder.build((None, 4))
    lowest, highest = by_depth(encoder)
    assert (
        lowest[0] is encoder.positions and [v.path.split("/")[-2] for v in highest] == ["above"] * 2
    )
    assert_whole(encoder)


def test_what_is_not_trained_is_no_depth():
    encoder = network(*dense("a", "b"), keras.layers.BatchNormalization(), *dense("c"))
    fine_tune(encoder, True)
    encoder.layers[0].trainable = False
    assert owners(encoder) == [["b"], ["c"]]
    fine_tune(encoder, False)
    assert by_depth(encoder) == []


def test_vgg19_has_its_sixteen_convolutions_one_above_the_other():
    encoder = vgg19(32, weights=None)
    fine_tune(encoder, True)
    convolutions = [v.path.split("/")[-2] for v in encoder.trainable_variables[::2]]
    assert owners(encoder) == [[name] for name in convolutions]
    assert (len(convolutions), convolutions[0]) == (16, "block1_conv1")


def test_an_application_is_as_deep_as_its_network():
    encoder = application("MobileNetV3Small", 32, weights=None, pooling="avg")
    fine_tune(encoder, True)
    inner = [[id(v) for v in depth] for depth in by_depth(encoder.layers[-1])]
    assert [[id(v) for v in depth] for depth in by_depth(encoder)] == inner
    assert len(inner) > 30 and "conv/kernel" in by_depth(encoder)[0][0].path
    assert_whole(encoder)


def test_kerashubs_vit_is_a_stack_of_its_blocks(keras_hub):
    encoder = keras_hub.models.ViTBackbone(
        (16, 16, 3), 8, num_layers=3, num_heads=2, hidden_dim=4, mlp_dim=8
    )
    depths = by_depth(encoder)
    assert len(depths) == 5  # patches, three blocks, the last normalisation
    assert [len(depth) for depth in depths[1:4]] == [16] * 3
    assert_whole(encoder)
