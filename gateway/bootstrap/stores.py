"""Opening the stores: which keys, and what is wrong with them.

Owns what settings mean for the archive. Must not know what is kept.
"""

from gateway.bootstrap.paths import StartError
from gateway.definitions.settings import Settings
from gateway.stores.archive import KeyRing


def archive_keys(settings: Settings) -> KeyRing:
    """The keys that wrap the archive's keys. Raises StartError where there are none: nothing is kept in the clear."""
    keys = settings.archive_keys
    if keys is None:
        raise StartError(
            "The archive has no key: make one with `gateway keys archive` and name it in [archive] of the settings."
        )
    return KeyRing.of(keys.current, keys.older)
