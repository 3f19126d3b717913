r"""Trains a captioner on pictures with captions: those of COCO 2014, or your own in its layout.

    python -m attention_zoo.trainers.captions --data_dir=coco --workdir=runs/captions
    python -m attention_zoo.trainers.captions --data_dir=my_pictures --encoder=encoder.keras \
        --image_size=128

A frozen encoder runs once over all pictures, not once an epoch: what it makes of them is kept on
disk, for later runs too.

On one core of an AMD EPYC, no GPU, 2,000 pictures of Flickr8k with SqueezeNet features, 5 epochs:
6 minutes; soft attention, test pictures: perplexity 28, CIDEr 24. docs/captions.md has the others.
"""

from attention_zoo.trainers.command import command

COMMAND = command("captions", workdir="runs/captions", description=__doc__)
run = COMMAND.run  # the console script

if __name__ == "__main__":
    run()
