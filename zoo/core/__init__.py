"""The engine: options, files, processes, randomness and the training step. It knows no images, latents or sentences."""
