"""Rules beyond a guide's grammar (SNIP types 3 to 7): TOML to the native core's rule tables."""
