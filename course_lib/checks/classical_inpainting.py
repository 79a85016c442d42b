"""Unit 04 (placeholder while its library is being written)."""

CHECKS = ()
