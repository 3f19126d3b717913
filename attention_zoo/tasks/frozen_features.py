"""An encoder of a task's images: what it makes of them, from its cache."""

from tqdm.auto import tqdm

from attention_zoo import datasets


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
