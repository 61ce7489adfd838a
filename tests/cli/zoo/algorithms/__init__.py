"""Modules that must be read and never be imported."""
