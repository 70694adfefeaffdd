"""How a payload is packed on the wire, without I/O: bytes in, events and bytes out.

Owns the packaging (AS2 and MLLP over MIME). Must not know what stands inside the payload, nor sockets and files.
"""
