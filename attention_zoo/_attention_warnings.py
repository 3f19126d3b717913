"""What can have become of attention in training, in words."""

WARNINGS = {  # by the fact of a run that has the epoch since when it is so
    "collapsed_epoch": "attention is one-hot at the loss of chance since epoch {}",
    "dead_epoch": "the focus network is dead since epoch {}",
    "saturated_epoch": "the scores have run away since epoch {}",
}


def warning_lines(facts):
    """A sentence on each of `WARNINGS` for which the mapping `facts` has an epoch."""
    known = {name: facts.get(name) for name in WARNINGS}
    return [WARNINGS[name].format(epoch) for name, epoch in known.items() if epoch is not None]
