"""The shared nouns of the gateway: frozen values without behaviour of their own.

Owns the vocabulary that every layer speaks (received, finding, verdict, document, instance).
Must not know any standard's syntax, any storage, or any package of the gateway.
"""
