"""The model folder: its layout, and how it is written, read, named, fetched and exported. It knows no cards."""
