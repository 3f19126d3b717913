"""CaptionSearch: the caption of an image, by greedy or by beam search."""

from attention_zoo._checks import as_count, as_number
from attention_zoo.models.attention_model import AttentionModel, trace_key
from attention_zoo.models.captioning import inputs as caption_inputs
from attention_zoo.models.captioning.beam import beam_search, better, greedy_search
from attention_zoo.models.captioning.steps import NextWord


class CaptionSearch(AttentionModel):
    """Writes captions with a trained `Captioner`.

        captions = az.models.CaptionSearch(captioner, beam_width=5).predict({"features": x})
        az.models.text_of(captions["words"], captioner.vocabulary)

    A caption's score is its log-probability over a power of its length, END counted:

        score = 1 / n^alpha sum_t log p(w_t | w_1 ... w_t-1)

    Greedy search (width 1) takes the most probable next word until END. Beam search goes on with
    the k most probable beginnings at once, and keeps the ended caption of the best score; greedy's
    caption is among those compared, so its score is never below greedy's. It stops once no
    beginning can come to a better one. A caption of `max_length` words need not end.

    The search is one loop of the graph that `predict` compiles; after `compile(jit_compile=True)`
    by XLA, a fifth to a quarter faster on a CPU.

    Args:
        captioner: a built Captioner.
        beam_width: k.
        max_length: most words of a caption, END among them.
        length_power: alpha, 0 or more; 0 compares log-probabilities.

    Call arguments:
        inputs: a dict of "features", or of "image" where the captioner has an encoder.

    Returns:
        {"words": int (b, max_length), END and then padding at the end, "focus": a
        (b, max_length, r), 0 after the end, "log_probability": (b,), in nats, "score": (b,)}.
    """

    def __init__(self, captioner, beam_width=1, max_length=20, length_power=0.7, **kwargs):
        super().__init__(autocast=False, **kwargs)  # the captioner casts
        if not captioner.built:
            raise ValueError("the captioner is not built, expected one that was trained or called")
        self.captioner = captioner
        self.beam_width = as_count("beam_width", beam_width, least=1)
        self.max_length = as_count("max_length", max_length, least=1)
        self.length_power = as_number(
            "length_power", length_power, "of 0 or more", lambda x: x >= 0.0
        )
        self.built = True

    def call(self, inputs):
        caption_inputs.check_keys(inputs, self.captioner.encoder is not None, words=False)
        settings = self.max_length, self.length_power
        next_word = NextWord(self.captioner, self.captioner.look(inputs))
        found = greedy_search(next_word, *settings)
        if self.beam_width > 1:
            step = next_word.of_captions(self.beam_width)
            found = better(found, beam_search(step, self.beam_width, *settings))
        return found._asdict()

    def _trace_key(self):
        return trace_key(self.captioner)
