"""Pictures with captions, and features of pictures kept on disk."""
