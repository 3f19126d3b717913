"""An encoder of a task's images: what it is known by, and what it makes of them, from its cache."""

from tqdm.auto import tqdm

from attention_zoo import datasets
from attention_zoo.datasets.fingerprint import file_fingerprint
from attention_zoo.models import APPLICATIONS


def encoder_fingerprint(config):
    """{"encoder": that of its file}; empty without an encoder, and of one of keras.applications."""
    if config.encoder is None or config.encoder in APPLICATIONS:
        return {}
    return {"encoder": file_fingerprint(config.encoder)}


def frozen_features(images, encoder, folder, dtype):
    """`datasets.cached_features`, its progress shown."""
    with tqdm(total=len(images), unit="picture", desc="encoder", dynamic_ncols=True) as bar:
        return datasets.cached_features(
            images,
            encoder,
            folder,
            dtype=dtype,
            progress=lambda done, _: bar.update(done - bar.n),
        )
