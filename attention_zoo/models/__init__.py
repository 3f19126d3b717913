"""FocusClassifier and Captioner, and the paper's networks."""

from attention_zoo.models.block_max_pool import BlockMaxPool2D
from attention_zoo.models.caption_search import CaptionSearch
from attention_zoo.models.caption_vocabulary import text_of
from attention_zoo.models.captioner import Captioner
from attention_zoo.models.focus_classifier import FocusClassifier
from attention_zoo.models.image_networks import (
    cifar10_networks,
    cifar100_networks,
    digits_networks,
)
from attention_zoo.models.linear_networks import linear_networks
from attention_zoo.models.networks import NETWORKS, networks
from attention_zoo.models.saved_encoder import load_token_encoder
from attention_zoo.models.sinusoidal_positions import SinusoidalPositions
from attention_zoo.models.subword_embedding import SubwordEmbedding
from attention_zoo.models.text_networks import (
    TEXT_NETWORKS,
    reading_networks,
    simple_networks,
    text_networks,
    transformer_networks,
)
from attention_zoo.models.token_dropout import TokenDropout
from attention_zoo.models.token_encoder import TokenEncoder
from attention_zoo.models.uniform_attention import uniform
from attention_zoo.models.word_vectors import read_word_vectors

__all__ = [
    "NETWORKS",
    "TEXT_NETWORKS",
    "BlockMaxPool2D",
    "CaptionSearch",
    "Captioner",
    "FocusClassifier",
    "SinusoidalPositions",
    "SubwordEmbedding",
    "TokenDropout",
    "TokenEncoder",
    "cifar10_networks",
    "cifar100_networks",
    "digits_networks",
    "linear_networks",
    "load_token_encoder",
    "networks",
    "read_word_vectors",
    "reading_networks",
    "simple_networks",
    "text_of",
    "text_networks",
    "transformer_networks",
    "uniform",
]
