"""What a process that runs jobs imports first: TensorFlow, without what it logs on the way."""

from attention_zoo._program import import_tensorflow

import_tensorflow()
