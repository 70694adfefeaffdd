"""The `gateway` command, one module per group of commands.

Owns arguments, terminal output and exit codes. Must not decide what happens to a message: it calls the layers below.
"""
