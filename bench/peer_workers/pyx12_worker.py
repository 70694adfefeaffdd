"""pyx12: `validate FILE` writes a 999 as well, `xml FILE` writes its XML; output is dropped."""

import io
import logging
import sys
from pathlib import Path

import pyx12.params
import pyx12.x12n_document

logging.disable(logging.CRITICAL)
what, path = sys.argv[1], sys.argv[2]
answer, xml = io.StringIO(), io.StringIO()
with Path(path).open() as source:
    accepted = pyx12.x12n_document.x12n_document(
        pyx12.params.params(), source, answer if what == "validate" else None, None, xml if what == "xml" else None
    )
print(accepted, len(answer.getvalue()), len(xml.getvalue()))
