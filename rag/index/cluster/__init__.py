"""Building with Ray: what workers do with a file, what they hand back, where that is kept, and who asks them."""
