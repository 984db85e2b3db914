"""The network on Spleeter's shoulders: the built-in one (networks.py) that sees Spleeter's mask as well.

For each channel it has one more answer in every bin: how much of Spleeter's mask counts there, beside its own. It begins as the mean
that the ensemble of both takes: the weights of the built-in network, the new ones nothing.
"""

import torch
from networks import BINS, Plain, Refined, Separator, Shape
from torch import nn

SEEN = 1024  # bins that Spleeter sees
TOP = SEEN - SEEN // 4  # above what Spleeter sees, its mask is the mean of that from here on
SHARE = 0.62  # sigmoid of it: 0.65, what Spleeter counts where nothing was learned


def ratio(vocals, accompaniment):
    """Spleeter's mask of the vocals, of the magnitudes that its two networks estimate (numpy or torch)."""
    v, a = vocals * vocals, accompaniment * accompaniment
    return (v + 0.5e-10) / (v + a + 1e-10)


def extended(mask):
    """[batch, 2, frames, bins] of [batch, 2, frames, SEEN]."""
    above = mask[..., TOP:].mean(3, keepdim=True)
    return torch.cat([mask, above.expand(-1, -1, -1, BINS - SEEN)], 3)


class Refiner(Separator):
    """See the module. Mixes and vocals are [batch, 4, frames, bins], `mask` is [batch, 2, frames, bins]."""

    def __init__(self, shape=Shape()):
        super().__init__(shape)
        self.gather = nn.ModuleList(nn.Conv2d(6, shape.channels[0], (1, size), (1, size)) for _, size in self.layout)
        heads = []
        for _, size in self.layout:
            head = (Refined if size in shape.refined else Plain)(shape.channels[0], size, 6, shape.refine)
            if size in shape.refined:
                head.refine = nn.Conv2d(shape.refine + 6, 12, 1)
            heads.append(head)
        self.heads = nn.ModuleList(heads)

    def begin(self, built_in):
        """Takes over the weights of a built-in network (a state dict); what is new says nothing."""
        wanted = self.state_dict()
        for name, weight in built_in.items():
            weight = weight.float() if weight.is_floating_point() else weight
            place = wanted[name]
            if place.shape == weight.shape:
                place.copy_(weight)
                continue
            place.zero_()
            if ".spread." in name and name.endswith("weight"):  # a transposed convolution: answers second
                place[:, : weight.shape[1]].copy_(weight)
            else:  # more inputs (behind the old ones), more answers, or both
                place[tuple(slice(0, n) for n in weight.shape)].copy_(weight)
        self.load_state_dict(wanted)

    def answers(self, features, mask):
        """[batch, 6, frames, bins]: the stereo mask's four numbers, and how much Spleeter counts in either channel."""
        return self.answer(torch.cat([self.centred(features), 2 * mask - 1], 1))

    def blended(self, answers, mix, mask):
        answers = answers.float()
        own = self.apply_mask(answers[:, :4], mix)
        share = torch.sigmoid(answers[:, 4:] + SHARE)
        share, mask = (t.repeat_interleave(2, 1) for t in (share, mask))
        return share * mask * mix + (1 - share) * own

    def separate(self, mix, mask):
        """Vocals of a mix, both [batch, 4, frames, bins]; `mask` is [batch, 2, frames, SEEN]."""
        mask = extended(mask)
        return self.blended(self.answers(self.features(mix), mask), mix, mask)

    def forward(self, mix, vocals, accompaniment):
        """As the worker runs it: mix [1, 4, bins, frames], Spleeter's magnitudes [2, 1, frames, SEEN]."""
        return self.separate(mix.transpose(2, 3), ratio(vocals, accompaniment).transpose(0, 1)).transpose(2, 3)
