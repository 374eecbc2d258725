"""One file a variant. A file here that registers a class is found by itself."""
