"""What happens to a message: receive, judge, acknowledge, deliver, respond, replay.

Owns the order of the steps, their states and the ports that it needs (ports.py). Must not know HTTP, SQL, files,
settings or any adapter: those implement its ports and are wired in gateway.bootstrap.
"""
