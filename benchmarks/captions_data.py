r"""What captions take of time, disk and memory, a picture, and from that at COCO's size.

    python benchmarks/captions_data.py --data_dir=coco
    python benchmarks/captions_data.py --data_dir=my_pictures --encoder=encoder.keras \
        --image_size=128

Measured on the pictures of `--split`: their features by the encoder, decoding among it, the bytes
they take on disk, and two epochs of batches by way of the cache, of which the second must give the
encoder no work. Without an encoder it is VGG19 with random weights, as fast and as large as with
any. Measured once more on annotations of as many pictures as COCO's training split has, the
captions of the data over and over: reading them, the words as ids, the order of an epoch. Each in a
process of its own, for its peak of memory. No epoch has a training step in it: that is
captions_step.py.
"""

import argparse
import json
import multiprocessing
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

COCO = {"train": 82_783, "validation": 40_504}  # pictures
CAPTIONS = 5  # of a picture


def main():
    arguments = _parser().parse_args()
    features = apart(measure_features, arguments)
    captions, size = apart(measure_captions, arguments), arguments.batch_size
    for title, lines in (
        ("Measured", measured(features, captions)),
        (
            "Computed for COCO 2014, training and validation pictures",
            computed(features, captions, size),
        ),
    ):
        print(f"{title}:\n")
        print("\n".join(f"- {line}" for line in lines) + "\n")


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", required=True, help="a folder in the layout of COCO")
    parser.add_argument("--split", default="train[:256]", help="pictures for the encoder")
    parser.add_argument("--encoder", help="as of the trainer; VGG19 if unset")
    parser.add_argument("--image_size", type=int, default=224)
    parser.add_argument("--batch_size", type=int, default=100, help="captions a batch")
    return parser


def apart(function, *arguments):
    """What a function gives in a new process, and its peak of memory in bytes, "peak"."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_with_peak, function, arguments).result()


def _with_peak(function, arguments):
    return function(*arguments) | {"peak": _peak()}


def _peak():
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # in kB on Linux


def measure_features(arguments):
    """Of the pictures: seconds of the encoder and of two epochs, bytes on disk."""
    from attention_zoo import datasets
    from attention_zoo.models.networks.image_encoders import load_encoder, vgg19

    size = arguments.image_size
    encoder = load_encoder(arguments.encoder, size) if arguments.encoder else vgg19(size, None)
    options = {"data_dir": arguments.data_dir, "image_size": size, "max_words": 20}
    source = datasets.load("coco_captions", arguments.split, **options)[1].source
    epochs = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(2):
            start = time.perf_counter()
            cached = datasets.cached_features(source.pictures, encoder, folder)
            encoded = time.perf_counter() - start
            batches = iter(source.seen_as(cached).dataset(arguments.batch_size, shuffle=True))
            next(batches)
            first = time.perf_counter() - start - encoded
            rest = sum(1 for _ in batches)
            passed = time.perf_counter() - start - encoded - first
            epochs.append({"cache": encoded, "first": first, "rest": passed, "batches": rest})
            epochs[-1]["encoded"] = cached.encoded
        size = cached.path.stat().st_size
    return {"pictures": len(cached), "bytes": size, "epochs": epochs}


def measure_captions(arguments):
    """Seconds of annotations of COCO's size, by what is done with them."""
    from attention_zoo.datasets.buckets import bucketed

    from attention_zoo import datasets

    imports = _peak()
    with tempfile.TemporaryDirectory() as folder:
        size = _write_many(Path(arguments.data_dir), Path(folder))
        start = time.perf_counter()
        source = datasets.load("coco_captions", data_dir=folder, max_words=20)[1].source
        read = time.perf_counter() - start
    for _ in bucketed(source.lengths, arguments.batch_size, [0, 0]):
        pass
    order = time.perf_counter() - start - read
    found = {"captions": len(source), "bytes": size, "read": read, "order": order}
    return found | {"imports": imports}


def _write_many(data, folder):
    """Annotations of COCO's number of training pictures; returns their bytes."""
    (folder / "annotations").mkdir()
    (folder / "train2014").symlink_to((data / "train2014").resolve())
    name = "annotations/captions_train2014.json"
    content = json.loads((data / name).read_text("utf-8"))
    files, said = content["images"], content["annotations"]
    count = COCO["train"]
    images = [{"id": i, "file_name": files[i % len(files)]["file_name"]} for i in range(count)]
    annotations = [
        {"id": i, "image_id": i // CAPTIONS, "caption": said[i % len(said)]["caption"]}
        for i in range(CAPTIONS * count)
    ]
    return (folder / name).write_text(json.dumps({"images": images, "annotations": annotations}))


def measured(features, captions):
    """Lines of what was measured."""
    first, second = features["epochs"]
    n, size = features["pictures"], features["bytes"]
    yield f"encoder: {1000 * first['cache'] / n:.1f} ms a picture ({n} pictures)"
    yield f"its features on disk: {size / n:,.0f} bytes a picture"
    for number, epoch in enumerate((first, second), start=1):
        yield (
            f"epoch {number}: {epoch['cache'] + epoch['first'] + epoch['rest']:.2f} s; the encoder "
            f"was given {epoch['encoded']} pictures; the first batch took {epoch['first']:.2f} s, "
            f"{epoch['batches']} more {epoch['rest']:.2f} s"
        )
    yield f"peak of memory of both: {features['peak'] / 1e9:.2f} GB"
    yield (
        f"{captions['captions']:,} captions ({captions['bytes'] / 1e6:.0f} MB of annotations): "
        f"read in {captions['read']:.1f} s, in order for an epoch in {captions['order']:.1f} s, "
        f"peak of memory {captions['peak'] / 1e9:.2f} GB, of which imports "
        f"{captions['imports'] / 1e9:.2f} GB"
    )


def computed(features, captions, batch_size):
    """Lines of what follows for COCO, in proportion to pictures, and to batches after the first."""
    first, second = features["epochs"]
    pictures, size = sum(COCO.values()), features["bytes"] / features["pictures"]
    batches = CAPTIONS * COCO["train"] / batch_size
    yield f"encoder, once: {first['cache'] / features['pictures'] * pictures / 3600:.1f} h"
    yield (
        f"disk: {pictures * size / 1e9:.1f} GB of features, "
        f"{COCO['train'] * size / 1e9:.1f} GB of them for training"
    )
    minutes = second["rest"] / second["batches"] * batches / 60
    yield f"{batches:,.0f} batches of an epoch: {minutes:.1f} min, without training steps"
    yield (
        f"memory: {captions['peak'] / 1e9:.2f} GB for the captions, measured; features are read by "
        "memory map, whose pages the system takes back"
    )


if __name__ == "__main__":
    main()
