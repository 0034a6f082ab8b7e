"""The service: what was trained, behind HTTP. It needs the extra `ops`; nothing else in the engine knows of it."""
