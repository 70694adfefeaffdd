"""Evidence bundles: one file with which anybody can check, offline, who sent what, what we answered, and since when.

Owns the form of the bundle, its making and its check. Must not know the ledger, settings, nor how a body is archived.
"""

from gateway.stores.evidence.checking import Check, CheckOutcome, check_bundle
from gateway.stores.evidence.form import BundleMalformed, Part, Role
from gateway.stores.evidence.making import Source, Subject, make_bundle

__all__ = [
    "BundleMalformed",
    "Check",
    "CheckOutcome",
    "Part",
    "Role",
    "Source",
    "Subject",
    "check_bundle",
    "make_bundle",
]
