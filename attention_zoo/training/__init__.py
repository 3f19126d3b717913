"""One run of a task, whatever the task: settings, loop, checkpoints, evaluation, sweeps."""
