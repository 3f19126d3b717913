"""One word after another, without knowing what comes: what greedy and beam search call."""

import copy

from keras import ops as kops

from attention_zoo import ops
from attention_zoo.models.captioning.scores import Reading, region_logits
from attention_zoo.models.captioning.vocabulary import PADDING, START, UNKNOWN

NEVER = -1e30  # log-probability of what is not to be written


class NextWord:
    """The log-probabilities of the next word, for k captions begun of each of b images.

    What does not change from word to word is made once. Padding, start and unknown words are
    never written; the other words keep the probabilities that the model gives them.

    Args:
        captioner: Captioner.
        regions: `Regions` of b images, as `captioner.look` gives them.
    """

    def __init__(self, captioner, regions):
        self._captioner = captioner
        self._attention = captioner.attention.of_phase()
        self._width = 1
        self._regions = regions
        self._region_logits = None
        if captioner.way_to_predict == "marginal":
            self._region_logits = region_logits(captioner.decoder, regions.features)
        self.num_images, self.num_regions = kops.shape(regions.projected)[:2]

    def of_captions(self, width):
        """The same for another number k of captions an image."""
        other = copy.copy(self)
        other._width = width
        return other

    def start(self):
        """The words before the first, (b, k), and the state (h, c), each (b * k, u)."""
        words = kops.full((self.num_images, self._width), START, dtype="int32")
        state = self._captioner.decoder.start(self._regions.features)
        return words, tuple(kops.repeat(x, self._width, axis=0) for x in state)

    def __call__(self, words, state):
        """Of the words before, (b, k), and the state: q (b, k, v), a (b, k, r), the next state."""
        decoder, attention = self._captioner.decoder, self._attention
        embedded = decoder.embed(kops.reshape(words, (-1, 1)))  # (b * k, 1, e)
        gates = decoder.of_word(embedded)[:, 0]
        state, scores, w = decoder.step(self._regions, attention, gates, state)
        pre = decoder.before_context(embedded, state[0][:, None])
        features = self._regions.features
        pre, scores, w = (kops.reshape(x, (-1, self._width, x.shape[-1])) for x in (pre, scores, w))
        reading = Reading(decoder, pre, features, scores, w, region_logits=self._region_logits)
        q, a = self._captioner.predict_words(reading, attention)
        return kops.where(self._is_written(q.shape[-1]), q, NEVER), a, state

    @staticmethod
    def _is_written(v):
        word = kops.arange(v)
        return (word != PADDING) & (word != UNKNOWN) & (word != START)

    def follow(self, state, beam):
        """The states of the captions that `beam`, int (b, k), names: they go on."""
        return tuple(
            kops.reshape(
                ops.gather_segments(kops.reshape(x, (-1, self._width, x.shape[-1])), beam),
                (-1, x.shape[-1]),
            )
            for x in state
        )
