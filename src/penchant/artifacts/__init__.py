"""Files and folders on disk: atomic writes, the bundle and its manifest."""
