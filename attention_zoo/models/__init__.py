"""FocusClassifier and Captioner, and the paper's networks."""

from attention_zoo.models.captioner import Captioner
from attention_zoo.models.captioning.search import CaptionSearch
from attention_zoo.models.captioning.uniform_attention import uniform
from attention_zoo.models.captioning.vocabulary import text_of
from attention_zoo.models.focus_classifier import FocusClassifier
from attention_zoo.models.networks.applications import APPLICATIONS, application, unfreeze
from attention_zoo.models.networks.bags import POOLS, bag_networks, pooled_networks
from attention_zoo.models.networks.block_max_pool import BlockMaxPool2D
from attention_zoo.models.networks.image import (
    cifar10_networks,
    cifar100_networks,
    digits_networks,
)
from attention_zoo.models.networks.linear import linear_networks
from attention_zoo.models.networks.pixels import Pixels
from attention_zoo.models.networks.registry import NETWORKS, networks
from attention_zoo.models.networks.saved_encoder import load_token_encoder
from attention_zoo.models.networks.sinusoidal_positions import SinusoidalPositions
from attention_zoo.models.networks.standardize import Standardize
from attention_zoo.models.networks.subword_embedding import SubwordEmbedding
from attention_zoo.models.networks.text import (
    TEXT_NETWORKS,
    reading_networks,
    simple_networks,
    text_networks,
    transformer_networks,
)
from attention_zoo.models.networks.text_encoder import TextEncoder
from attention_zoo.models.networks.token_dropout import TokenDropout
from attention_zoo.models.networks.token_encoder import TokenEncoder
from attention_zoo.models.networks.word_encoder import WordEncoder
from attention_zoo.models.networks.word_vectors import read_word_vectors

__all__ = [
    "APPLICATIONS",
    "NETWORKS",
    "POOLS",
    "TEXT_NETWORKS",
    "BlockMaxPool2D",
    "CaptionSearch",
    "Captioner",
    "FocusClassifier",
    "Pixels",
    "SinusoidalPositions",
    "Standardize",
    "SubwordEmbedding",
    "TextEncoder",
    "TokenDropout",
    "TokenEncoder",
    "WordEncoder",
    "application",
    "bag_networks",
    "cifar10_networks",
    "cifar100_networks",
    "digits_networks",
    "linear_networks",
    "load_token_encoder",
    "networks",
    "read_word_vectors",
    "pooled_networks",
    "reading_networks",
    "simple_networks",
    "text_of",
    "text_networks",
    "transformer_networks",
    "unfreeze",
    "uniform",
]
