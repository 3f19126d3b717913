"""What a `Captioner` is made of: decoder, attention in its recurrence, search."""
