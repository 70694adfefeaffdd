"""What is exchanged: claims that the gateway accepts, and HL7 v2 whose bare carriage returns must survive.

Invented, and no two the same: a repeated interchange would be a duplicate.
"""

import random

from tests.integration.conftest import claims
from tests.interop.gateway_site import INTERCHANGE_ID
from tests.interop.peers.matrix import Payload

# Segments end in a bare carriage return; a tab, and letters beyond ASCII, find whoever folds or decodes.
_ADMISSION = (
    "MSH|^~\\&|WARD|LAKESIDE|GATE|HARBOR|20260105080000||ADT^A01^ADT_A01|{number}|T|2.5.1|||||||UNICODE UTF-8\r"
    "EVN|A01|20260105080000\r"
    "PID|1||{number}^^^LAKESIDE^MR||{patient}\tM||19700101|F\r"
    "PV1|1|I|W^1^2\r"
)
_NOTE_BYTES = 500
PATIENT = "Brückner^Zoë"
PATIENT_IN_ASCII = "Brueckner^Zoe"


def payload_of(kind: Payload, number: int, sender: str, least_bytes: int = 0, patient: str = PATIENT) -> bytes:
    """The payload with this control number; `sender` is the interchange's. HL7 v2 is filled up to `least_bytes`."""
    if kind is Payload.CLAIMS:
        return claims(number, sender=sender, receiver=INTERCHANGE_ID)
    admission = _ADMISSION.format(number=number, patient=patient).encode()
    notes = random.Random(number)  # noqa: S311 - text that compresses little, the same in each run
    while len(admission) < least_bytes:
        admission += b"NTE|1||" + notes.randbytes(_NOTE_BYTES).hex().encode() * (1 + least_bytes // 100_000) + b"\r"
    return admission
