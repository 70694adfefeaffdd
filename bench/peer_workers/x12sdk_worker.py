"""x12sdk: every set as pydantic models."""

import sys

from x12sdk.io import X12ModelReader

with X12ModelReader(sys.argv[1]) as reader:
    print(sum(1 for _ in reader.models()))
