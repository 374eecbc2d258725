"""In the browser: a playground in which variants train before one's eyes, and an explorer of trained models."""
