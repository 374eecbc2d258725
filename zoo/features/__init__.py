"""What pictures are compared in: small classifiers with fixed weights, and distances in what they see."""
