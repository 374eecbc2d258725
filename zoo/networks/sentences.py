"""A discriminator of sentences: convolutions over words (Kim 2014, arXiv:1408.5882), as SeqGAN has it."""

import torch
from torch import Tensor, nn

WINDOWS = {1: 1.0, 2: 2.0, 3: 2.0, 4: 2.0, 5: 2.0, 6: 1.0, 7: 1.0, 8: 1.0, 9: 1.0, 10: 1.0, 15: 1.6,
           20: 1.6}  # words that a filter sees -> filters, by the number of those that see one


class TextCNN(nn.Module):
    """Sentences to logits (N, 1): an embedding, filters over 1 to 20 words and their maxima, a highway layer.

    A highway layer is g f(W x) + (1 - g) x with a gate g (Srivastava 2015, arXiv:1505.00387).

    Args:
        vocabulary: numbers of tokens.
        length: places of a sentence; no filter sees more.
        filters: that see one word; of the wider ones there are up to twice as many, in the paper's proportions.
        dropout: share of the features that is left out in training; see ``forward``.
    """

    def __init__(self, vocabulary: int, length: int, filters: int, dropout: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, filters)
        counts = {window: round(filters * share) for window, share in WINDOWS.items() if window <= length}
        self.convolutions = nn.ModuleList(nn.Conv1d(filters, count, window) for window, count in counts.items())
        self.features = sum(counts.values())
        self.dropout = dropout
        self.gate, self.highway = nn.Linear(self.features, self.features), nn.Linear(self.features, self.features)
        self.out = nn.Linear(self.features, 1)

    def forward(self, sentences: Tensor, uniform: Tensor | None = None) -> Tensor:
        """Logits (N, 1).

        Args:
            sentences: numbers of tokens (N, T), or weights of all tokens in every place (N, T, vocabulary).
            uniform: numbers (N, features) in [0, 1) by which features are left out; None for none.
        """
        is_soft = sentences.is_floating_point()
        embedded = sentences @ self.embedding.weight if is_soft else self.embedding(sentences)
        x = torch.cat([layer(embedded.transpose(1, 2)).relu().amax(2) for layer in self.convolutions], 1)
        gate = self.gate(x).sigmoid()
        x = gate * self.highway(x).relu() + (1 - gate) * x
        if uniform is not None:
            x = x * (uniform >= self.dropout) / (1 - self.dropout)
        return self.out(x)
