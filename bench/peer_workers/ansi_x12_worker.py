"""ansi-x12: segments, elements and envelopes, nothing of a guide."""

import sys
from pathlib import Path

from x12 import parse_x12_interchange, tokenize_x12

interchange = parse_x12_interchange(tokenize_x12(Path(sys.argv[1]).read_bytes()))
print(interchange.control_number)
