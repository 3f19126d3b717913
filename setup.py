"""Builds the distribution `attention-zoo`; settings of the tools are in pyproject.toml."""

import runpy
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
CAPTIONS = ["pycocoevalcap>=1.2"]  # BLEU, ROUGE-L, CIDEr; METEOR needs Java besides
HUB = ["huggingface-hub>=0.34"]
PRETRAINED = ["keras-hub>=0.25.1"]  # brings tensorflow-text; 0.25.1 is the last for Python 3.10
SERVE = ["aiohttp>=3.13.3", "prometheus-client>=0.21"]
# Of Python 3.13 tensorflow-text has no wheel beside TensorFlow 2.21: tests there do without.
PRETRAINED_IN_TESTS = [f'{one}; python_version < "3.13"' for one in PRETRAINED]
TEST = ["pytest>=9", "pytest-xdist>=3.6", "hypothesis>=6.100"]
TEST += [*CAPTIONS, *HUB, *SERVE, *PRETRAINED_IN_TESTS]

setup(
    name="attention-zoo",
    version=runpy.run_path(str(ROOT / "attention_zoo" / "_version.py"))["__version__"],
    description="Soft, hard and latent-variable attention for Keras: layers, data sets, trainers",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license_expression="Apache-2.0",
    license_files=["LICENSE"],
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
    # Neither the root links `layers`, `datasets`, `trainers` nor `experiments` are packages of it.
    packages=find_packages(include=["attention_zoo", "attention_zoo.*"]),
    package_data={
        "attention_zoo": [
            "py.typed",
            "datasets/text/checksums.tsv",
            "report/templates/*",
            "zoo/presets/*/*",
        ]
    },
    python_requires=">=3.10,<3.14",
    install_requires=[
        "absl-py>=2.1",
        "h5py>=3.11",
        "importlib_resources>=6.1",  # tensorflow_datasets 4.9.10 imports it without declaring it
        "jinja2>=3.1.6",
        # Safe mode has no known hole in 3.12.4, of the last series for Python 3.10, and 3.13.2.
        "keras>=3.12.4,!=3.13.0,!=3.13.1",
        "markupsafe>=2.1",
        "matplotlib>=3.8",
        "numpy>=1.26",
        "requests>=2.32.4",
        "scikit-learn>=1.5",
        "scipy>=1.11.2",
        "tensorboard>=2.20",  # tf.summary needs it; TensorFlow 2.21 no longer requires it
        "tensorflow>=2.20",  # 2.18 and 2.19 pin a protobuf that tensorflow-metadata 1.21 refuses
        "tensorflow-datasets>=4.9.10",  # earlier ones fail under protobuf 7
        "tqdm>=4.66.3",
    ],
    extras_require={
        "test": TEST,
        "dev": ["build", "mypy>=2.4,<2.5", "ruff>=0.17,<0.18", *TEST],
        "captions": CAPTIONS,
        "pretrained": PRETRAINED,
        "hub": HUB,
        "serve": SERVE,
        "jax": ["jax"],  # other backends of Keras; without TensorFlow: docs/backends.md
        "torch": ["torch"],
        "benchmarks": ["onnx", "onnxruntime", "torch==2.13.0"],
    },
    entry_points={
        "console_scripts": [
            "attention-zoo-bags = attention_zoo.trainers.bags:run",
            "attention-zoo-captions = attention_zoo.trainers.captions:run",
            "attention-zoo-evaluate = attention_zoo.trainers.evaluate:run",
            "attention-zoo-hatexplain = attention_zoo.trainers.hatexplain:run",
            "attention-zoo-make-preset = attention_zoo.trainers.make_preset:run",
            "attention-zoo-sdc = attention_zoo.trainers.sdc:run",
            "attention-zoo-serve = attention_zoo.serving.main:run",
            "attention-zoo-sweep = attention_zoo.trainers.sweep:run",
        ]
    },
    zip_safe=False,
)
