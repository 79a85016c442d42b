"""Units 08 to 13: distributions, and models that sample from them."""
