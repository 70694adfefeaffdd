"""What happens to AS2 messages: taking them in, opening them, answering with receipts, and sending our own.

Owns the order of those and what is durable before what. Must not know HTTP, CMS, nor what a payload says.
"""
