"""The configuration: TOML to pydantic models."""
