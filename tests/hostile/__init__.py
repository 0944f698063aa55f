"""Loopback servers that do what servers must not do, for every test that needs a bad peer."""
