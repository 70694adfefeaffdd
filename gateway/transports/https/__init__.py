"""The HTTPS front door for partners: `POST /exchange`, its links and the outbox.

Owns TLS, who is on the line, limits and timeouts, and HTTP answers. Must not know what an interchange says: bodies go
in as bytes and acknowledgements come out as bytes.
"""
