"""The Shelfwise engine: everything the workbench knows, with no user interface in it."""

__version__ = "0.1.0"
