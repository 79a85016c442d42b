"""Units 01 to 03: what the later units lean on."""
