"""The sockets towards partners: HTTPS now, AS2 and MLLP later.

Owns listening, authentication of the connection, limits and timeouts. Must not know what a message says, nor how
it is kept.
"""
