"""Partners: one TOML file each, to agreements for the pipeline and credentials for the front door."""
