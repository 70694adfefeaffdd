"""What one connection or request may cost the front door.

Owns the numbers and their reasons. Must not know how they are enforced.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The defaults suit a gateway of one process. How large a body may be, settings and agreements say."""

    # One chunk on its way from the socket to the archive.
    chunk_size_bytes: int = 256 << 10
    # A client must deliver a header, the whole of it, in this time; it also ends an idle kept-alive connection.
    idle_timeout_s: float = 75.0
    # A body that stands still for this long is given up: the sender is gone or holds the connection on purpose.
    body_stall_timeout_s: float = 30.0
    # Below this mean rate (after the first stall period) a body is a slow-client attack, not a slow line.
    body_rate_minimum_bytes_per_s: int = 1024
    # A request line or a header line: long enough for any token, short enough to refuse nonsense early.
    header_line_size_bytes: int = 8190
    header_count: int = 64
    handshake_timeout_s: float = 10.0
    # Two file descriptors and about 100 KB of TLS buffers each.
    connection_count: int = 2000
    # Bodies being received at once; each holds a chunk and an archive slot.
    concurrent_bodies: int = 256
    # What a refused sender's body may still be read and hashed, so that a partner can prove what it sent.
    refused_body_size_bytes: int = 64 << 10
    # How long a refused sender is listened to, so that it reads our answer instead of a reset.
    lingering_time_s: float = 2.0
    # How long requests under way may take to end when the server stops.
    shutdown_timeout_s: float = 30.0
