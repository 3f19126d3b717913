r"""Trains a focus and a classification network on SDC mosaics.

    python -m attention_zoo.trainers.sdc --workdir=runs/sdc
    python -m attention_zoo.trainers.sdc --dataset=sdc/cifar10 --attention=lvml --workdir=runs/lvml

Without flags: hybrid attention on digits mosaics, m = 5. On 2 cores of an AMD EPYC, no GPU:
18 s from start to finished folder; on test images FT 99.3 %, accuracy by argmax 99.8 %.
Results on CIFAR-10 stand in docs/results.md.
"""

from attention_zoo.trainers.command import command

COMMAND = command("mosaics", workdir="runs/sdc", description=__doc__)
run = COMMAND.run  # the console script

if __name__ == "__main__":
    run()
