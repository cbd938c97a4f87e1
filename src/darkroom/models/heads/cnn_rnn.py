"""CNN-RNN (Wang et al. 2016, arXiv:1604.04573): labels are predicted one after another."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from darkroom import UserError
from darkroom.models.heads.maps_head import LabelLoss, MapsHead

WIDTH, HIDDEN = 64, 128  # of the joint embedding, and of the LSTM's state
BEAM = 4  # sequences that are followed at once
STEPS = 12  # labels of an image that can be predicted, at most
DROPOUT = 0.3
IMPOSSIBLE = -1e4  # a score whose softmax is 0 in fp32; infinities are not equal in all runtimes
SMALLEST = 1e-6  # probability of a label that no sequence has
MOST_LABELS = 1000


class CnnRnn(MapsHead):
    """Image and labels share an embedding; an LSTM reads the labels so far and scores the next, or an end.

    A beam search follows the `BEAM` most probable sequences. A label's probability is that of being
    predicted next, summed over the steps and the sequences that are followed, each with its own probability.
    It is exact where no sequence is given up (a test enumerates all), else an estimate in which the sequences
    that are followed stand for those given up. Logits are those of these probabilities.

    Orders: `cnn_rnn_frequency` predicts frequent labels first, as published. `cnn_rnn` learns the order: each
    step aims at the label, of those still missing, that the net finds most probable (predicted label
    alignment, Yazici et al. 2020, arXiv:1911.12667).

    Its loss is the cross-entropy of the sequence, not `train.loss`. Unknown labels are neither aimed at nor
    compared with. Cost: a step of the LSTM for each of up to 12 labels, times 4. Limits: an image gets 12
    labels at most, and it is refused for more than 1,000 labels. There are no heat maps: the sequence reads
    the means of the maps, not their places.

    Raises UserError for more labels.
    """

    rank: Tensor

    def __init__(self, *, features: int, labels: int, by_frequency: bool, beam: int = BEAM) -> None:
        super().__init__()
        if labels > MOST_LABELS:
            raise UserError(
                f"model.head cnn_rnn scores every label at every step of each sequence, so it takes "
                f"{MOST_LABELS:,} at most, and there are {labels:,}: set model.head=ml_decoder"
            )
        self.labels, self.by_frequency, self.beam = labels, by_frequency, beam
        self.steps = min(STEPS, labels)
        self.register_buffer("rank", torch.arange(labels))
        self.image = nn.Linear(features, WIDTH)
        self.embedding = nn.Parameter(torch.randn(labels + 1, WIDTH) * 0.1)  # the last begins and ends
        self.cell = nn.LSTMCell(WIDTH, HIDDEN)
        self.state = nn.Linear(HIDDEN, WIDTH)
        self.bias = nn.Parameter(torch.zeros(labels + 1))
        self.drop = nn.Dropout(DROPOUT)

    def prepare(self, labels: Tensor) -> None:
        """Rank the labels by how many training images have them, int8 [N,L]: the most frequent is 0."""
        order = (labels == 1).sum(0).argsort(descending=True, stable=True)
        self.rank = order.argsort().to(self.embedding.device)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps float [B,F,h,w] to logits [B,L]."""
        probabilities = self.marginals(maps.mean((2, 3))).clamp(SMALLEST, 1 - SMALLEST)
        logits: Tensor = torch.logit(probabilities)
        return logits

    def marginals(self, pooled: Tensor) -> Tensor:
        """Means of the maps float [B,F] to the probability of each label by beam search, [B,L]."""
        image = self.image(pooled)
        h = image.new_zeros(image.shape[0], 1, HIDDEN)
        c, inputs = h, self.embedding[-1].expand(image.shape[0], 1, -1)
        allowed = image.new_ones(image.shape[0], 1, self.labels)
        mass = image.new_ones(image.shape[0], 1)  # of the sequences that are followed and have not ended
        found: Tensor = image.new_zeros(image.shape[0], self.labels)
        width = 1
        for step in range(self.steps):
            h, c = self.read(inputs, h, c)
            following = self.next_probabilities(h, image[:, None], allowed)[..., :-1]
            grown = mass[..., None] * following
            found = found + grown.sum(1)
            if step == self.steps - 1:
                break
            width = min(self.beam, width * self.labels)
            kept, place = grown.flatten(1).topk(width)
            sequence, label = place // self.labels, place % self.labels
            # those that are followed stand for those given up
            mass = kept * (grown.sum((1, 2)) / kept.sum(1).clamp(min=1e-30))[:, None]
            h, c = (_of(part, sequence) for part in (h, c))
            allowed = self.after(_of(allowed, sequence), label)
            inputs = self.embedding[label]
        return found

    def losses(self, maps: Tensor, labels: Tensor, loss: LabelLoss) -> Tensor:
        """Return the cross-entropy of each image's sequence, float [B]; `loss` has no part in it."""
        image = self.drop(self.image(maps.mean((2, 3))))
        h = image.new_zeros(image.shape[0], HIDDEN)
        c, inputs = h, self.embedding[-1].expand(image.shape[0], -1)
        missing, known = labels == 1, (labels >= 0).to(image.dtype)
        allowed = known
        total: Tensor = image.new_zeros(image.shape[0])
        ended = torch.zeros(image.shape[0], dtype=torch.bool, device=image.device)
        for _ in range(int(missing.sum(1).max()) + 1):
            h, c = self.read(inputs, h, c)
            log = self.next_probabilities(h, image, allowed, log=True)
            aim = self.aims(log.detach(), missing)
            total = total - log.gather(1, aim[:, None])[:, 0] * ~ended
            ended = ended | (aim == self.labels)
            label = aim.clamp(max=self.labels - 1)  # of those that have ended nothing counts any more
            missing = missing & ~F.one_hot(label, self.labels).bool()
            allowed = self.after(allowed, label)
            inputs = self.embedding[label]
        return total

    def aims(self, log: Tensor, missing: Tensor) -> Tensor:
        """Return the next label of each image, [B], or `labels` for the end.

        `log`, [B,L+1], are the log-probabilities, and `missing`, bool [B,L], the labels that are yet to come.
        """
        order = -self.rank.to(log.dtype).expand_as(missing) if self.by_frequency else log[:, :-1]
        first = order.masked_fill(~missing, -torch.inf).argmax(1)
        aim: Tensor = torch.where(missing.any(1), first, self.labels)
        return aim

    def read(self, inputs: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """Return the LSTM's next state after inputs [...,WIDTH]."""
        before = (h.reshape(-1, HIDDEN), c.reshape(-1, HIDDEN))
        after = self.cell(inputs.reshape(-1, WIDTH), before)
        return after[0].reshape(h.shape), after[1].reshape(h.shape)

    def next_probabilities(self, h: Tensor, image: Tensor, allowed: Tensor, *, log: bool = False) -> Tensor:
        """Return (the logarithms of) the probabilities of each next label and, last, of the end, [...,L+1].

        `h`, [...,HIDDEN], is the state, `image` the image's embedding, and `allowed`, [...,L], 1 or 0.
        """
        joint = self.drop(F.relu(self.state(h) + image))
        scores = joint @ self.embedding.T + self.bias
        scores = torch.cat([scores[..., :-1] + (1 - allowed) * IMPOSSIBLE, scores[..., -1:]], dim=-1)
        return scores.log_softmax(-1) if log else scores.softmax(-1)

    def after(self, allowed: Tensor, label: Tensor) -> Tensor:
        """Return which labels may follow, [...,L]: those that did before, but for `label` [...].

        By frequency those before it are out too, so that each set of labels has one sequence.
        """
        if self.by_frequency:
            later = self.rank > self.rank[label][..., None]
            return allowed * later.to(allowed.dtype)
        return allowed * (1 - F.one_hot(label, self.labels).to(allowed.dtype))


def _of(parts: Tensor, sequence: Tensor) -> Tensor:
    """Return for each kept sequence [B,W] what belonged to the one [B,W',D] that it goes on from."""
    return parts.gather(1, sequence[..., None].expand(-1, -1, parts.shape[-1]))
