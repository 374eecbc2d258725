"""What a person sees of a model folder: its card, its pictures, tables of many; and where it is published."""
