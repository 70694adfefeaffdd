"""Implementation guides: pyx12's maps and our corrections to them, as one frozen model."""
