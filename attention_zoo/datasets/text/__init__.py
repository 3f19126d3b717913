"""Posts with rationales: HateXplain, and posts of one's own."""
