"""The separation networks: from the spectrogram of a mix to that of its vocals, a mask over magnitudes and stereo relations.

Input and output are `[batch, 4, bins, frames]`, the channels being the real and imaginary parts of left, then right (the planes
of kind `mdx`): 2048 bins of an STFT of 4096 points (the bin at 22 kHz is left out), hop 1024, at 44.1 kHz.

A network sees compressed powers of left, right, mid and side, divided by the level of its window, so that a louder
input gives the same mask. Bins are gathered into tokens, finely at the bottom and coarsely at the top; residual
convolutions and frequency transforms (linear layers over all tokens, after "TFC-TDF", Choi et al. 2020) work on them; and
the answer is spread over the bins again and refined beside the input. Inside, tensors lie as [batch, channels,
frames, tokens] with the channels last in memory, which is what makes training on a CPU bearable.
"""

from dataclasses import asdict, dataclass

import torch
from torch import nn
from torch.nn import functional as F

BINS = 2048
N_FFT = 4096
HOP = 1024
FRAMES = 256

# (bins, bins a token): 256 tokens, or 128 of them.
LAYOUTS = {
    "fine": ((256, 2), (512, 8), (1280, 20)),
    "coarse": ((128, 2), (256, 8), (1664, 52)),
    "bands": ((128, 4), (192, 12), (384, 48), (1344, 168)),
}


@dataclass(frozen=True)
class Shape:
    """What can be chosen about a network; the defaults are those of the built-in model."""

    family: str = "unet"  # unet: four resolutions; flat: one
    layout: str = "fine"
    channels: tuple = (32, 48, 64, 96)
    blocks: tuple = (1, 1, 1, 1)  # convolutions a level, on either side; flat: ignored
    dilations: tuple = (1, 2, 4, 8, 1, 2, 4, 8)  # flat: one block each
    transform: int = 32  # width of the frequency transforms' bottleneck
    transform_from: int = 1  # the first level that has such transforms
    context: str = "tcn"  # tcn, gru or attention: what looks along the whole window
    width: int = 128  # of that
    mask: str = "stereo"  # stereo: 2 x 2 real numbers a bin; complex: one complex number a channel; plain: one real
    greed: float = 1.0  # stereo: what a mask leaves is raised to this power; chosen after training (tune.py)
    outputs: int = 1  # 2: a mask for the backing as well, and both share out the mix
    refine: int = 8  # channels brought back to the bins where the answer is refined beside the input
    refined: tuple = (2, 8)  # token sizes for which that is done; wider tokens answer for their bins at once

    @staticmethod
    def named(values):
        lists = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return Shape(**lists)

    def values(self):
        return asdict(self)


def convolution(inputs, outputs, kernel=3, stride=1, dilation=1):
    padding = (dilation * (kernel // 2), kernel // 2) if stride == 1 else 0
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation=(dilation, 1), bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


class FrequencyTransform(nn.Module):
    """Two linear layers over all tokens of a frame, the same for every channel."""

    def __init__(self, channels, tokens, bottleneck):
        super().__init__()
        self.narrow = nn.Linear(tokens, bottleneck, bias=False)
        self.narrow_norm = nn.BatchNorm2d(channels)
        self.widen = nn.Linear(bottleneck, tokens, bias=False)
        self.widen_norm = nn.BatchNorm2d(channels)

    def forward(self, x):
        x = x.contiguous()
        x = F.relu(self.narrow_norm(self.narrow(x)))
        return F.relu(self.widen_norm(self.widen(x))).contiguous(memory_format=torch.channels_last)


class Block(nn.Module):
    """Residual convolutions, then a residual frequency transform."""

    def __init__(self, channels, tokens, bottleneck, convolutions=1, dilation=1):
        super().__init__()
        self.convolutions = nn.ModuleList(convolution(channels, channels, dilation=dilation) for _ in range(convolutions))
        self.transform = FrequencyTransform(channels, tokens, bottleneck) if bottleneck else None

    def forward(self, x):
        for layer in self.convolutions:
            x = x + layer(x)
        return x if self.transform is None else x + self.transform(x)


class Convolutions(nn.Module):
    """Context by dilated convolutions over time."""

    def __init__(self, width):
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Conv1d(width, width, 3, padding=d, dilation=d, bias=False), nn.BatchNorm1d(width), nn.ReLU())
            for d in (1, 2, 4, 8)
        )

    def forward(self, x):
        for layer in self.layers:
            x = x + layer(x)
        return x


class Recurrence(nn.Module):
    """Context by a recurrent layer in both directions."""

    def __init__(self, width):
        super().__init__()
        self.layer = nn.GRU(width, width // 2, batch_first=True, bidirectional=True)

    def forward(self, x):
        with torch.autocast(x.device.type, enabled=False):
            return x + self.layer(x.float().transpose(1, 2))[0].transpose(1, 2)


class Attention(nn.Module):
    """Context by self-attention: frames that sound alike inform each other."""

    def __init__(self, width, heads=4, layers=2):
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2 * layers))
        self.asks = nn.ModuleList(nn.Linear(width, 3 * width) for _ in range(layers))
        self.gives = nn.ModuleList(nn.Linear(width, width) for _ in range(layers))
        self.ups = nn.ModuleList(nn.Linear(width, 2 * width) for _ in range(layers))
        self.downs = nn.ModuleList(nn.Linear(2 * width, width) for _ in range(layers))

    def attend(self, x, layer):
        batch, frames, width = x.shape
        split = self.asks[layer](x).reshape(batch, frames, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        query, key, value = split[0], split[1], split[2]
        scores = torch.softmax(query @ key.transpose(2, 3) * (width // self.heads) ** -0.5, dim=-1)
        return self.gives[layer]((scores @ value).transpose(1, 2).reshape(batch, frames, width))

    def forward(self, x):
        x = x.transpose(1, 2)
        for layer in range(len(self.asks)):
            x = x + self.attend(self.norms[2 * layer](x), layer)
            x = x + self.downs[layer](F.relu(self.ups[layer](self.norms[2 * layer + 1](x))))
        return x.transpose(1, 2)


CONTEXTS = {"tcn": Convolutions, "gru": Recurrence, "attention": Attention}


class Context(nn.Module):
    """Squeezes all tokens of a frame into one vector, looks along the window, and adds what it saw."""

    def __init__(self, channels, tokens, kind, width, squeeze=8):
        super().__init__()
        self.tokens, self.squeeze = tokens, squeeze
        self.enter = nn.Conv2d(channels, squeeze, 1)
        self.narrow = nn.Conv1d(squeeze * tokens, width, 1)
        self.look = CONTEXTS[kind](width)
        self.widen = nn.Conv1d(width, squeeze * tokens, 1)
        self.leave = nn.Conv2d(squeeze, channels, 1)

    def forward(self, x):
        batch, _, frames, _ = x.shape
        z = self.enter(x).transpose(2, 3).reshape(batch, self.squeeze * self.tokens, frames)
        z = self.widen(self.look(self.narrow(z)))
        z = z.reshape(batch, self.squeeze, self.tokens, frames).transpose(2, 3)
        return x + self.leave(z)


class Levels(nn.Module):
    """Four resolutions of time and frequency, down and up again with shortcuts between (a U-Net)."""

    def __init__(self, shape, tokens):
        super().__init__()
        sizes = [tokens >> level for level in range(4)]
        narrow = [shape.transform if level >= shape.transform_from else 0 for level in range(4)]
        block = lambda level: Block(shape.channels[level], sizes[level], narrow[level], shape.blocks[level])
        steps = list(zip(shape.channels, shape.channels[1:]))
        self.down_blocks = nn.ModuleList(block(level) for level in range(4))
        self.downs = nn.ModuleList(convolution(a, b, 2, 2) for a, b in steps)
        self.context = Context(shape.channels[3], sizes[3], shape.context, shape.width)
        self.ups = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, 2) for a, b in steps)
        self.up_blocks = nn.ModuleList(block(level) for level in range(3))

    def forward(self, x):
        kept = []
        for level in range(4):
            x = self.down_blocks[level](x if level == 0 else self.downs[level - 1](x))
            kept.append(x)
        x = self.context(x)
        for level in (2, 1, 0):
            x = self.up_blocks[level](self.ups[level](x) + kept[level])
        return x


class Flat(nn.Module):
    """One resolution of few, wide tokens; time is covered by dilation (a band-split network)."""

    def __init__(self, shape, tokens):
        super().__init__()
        channels = shape.channels[0]
        self.blocks = nn.ModuleList(Block(channels, tokens, shape.transform, dilation=d) for d in shape.dilations)
        self.context = Context(channels, tokens, shape.context, shape.width)

    def forward(self, x):
        half = len(self.blocks) // 2
        for index, block in enumerate(self.blocks):
            x = block(self.context(x) if index == half else x)
        return x


class Plain(nn.Module):
    """Answers for all bins of a token at once."""

    def __init__(self, channels, size, answers, _):
        super().__init__()
        self.spread = nn.ConvTranspose2d(channels, answers, (1, size), (1, size))
        nn.init.zeros_(self.spread.weight)
        nn.init.zeros_(self.spread.bias)

    def forward(self, tokens, _):
        return self.spread(tokens)


class Refined(nn.Module):
    """Spreads a token over its bins and decides there, seeing each bin."""

    def __init__(self, channels, size, answers, refine):
        super().__init__()
        self.spread = nn.ConvTranspose2d(channels, refine, (1, size), (1, size))
        self.refine = nn.Conv2d(refine + 4, 12, 1)
        self.decide = nn.Conv2d(12, answers, 1)
        nn.init.zeros_(self.decide.weight)
        nn.init.zeros_(self.decide.bias)

    def forward(self, tokens, seen):
        return self.decide(F.relu(self.refine(torch.cat([self.spread(tokens), seen], 1))))


MASK_CHANNELS = {"stereo": 4, "complex": 4, "plain": 1}


class Separator(nn.Module):
    """See the module. `separate` is `forward` with frames and bins the other way round, as training has them."""

    def __init__(self, shape=Shape()):
        super().__init__()
        self.shape = shape
        self.layout = LAYOUTS[shape.layout]
        tokens = sum(bins // size for bins, size in self.layout)
        channels = shape.channels[0]
        self.register_buffer("mean", torch.zeros(4, BINS))
        self.register_buffer("scale", torch.ones(4, BINS))
        self.gather = nn.ModuleList(nn.Conv2d(4, channels, (1, size), (1, size)) for _, size in self.layout)
        self.gather_norm = nn.BatchNorm2d(channels)
        self.body = (Levels if shape.family == "unet" else Flat)(shape, tokens)
        heads = (Refined if size in shape.refined else Plain for _, size in self.layout)
        answers = MASK_CHANNELS[shape.mask] * shape.outputs
        self.heads = nn.ModuleList(
            head(channels, size, answers, shape.refine) for head, (_, size) in zip(heads, self.layout)
        )

    @staticmethod
    def features(x):
        """Compressed powers [batch, 4, frames, bins] of left, right, mid and side, relative to the window's level."""
        lr, li, rr, ri = x.unbind(1)
        power = torch.stack(
            [
                lr * lr + li * li,
                rr * rr + ri * ri,
                ((lr + rr) ** 2 + (li + ri) ** 2) * 0.25,
                ((lr - rr) ** 2 + (li - ri) ** 2) * 0.25,
            ],
            1,
        )
        level = power[:, :2].mean((1, 2, 3), keepdim=True)
        # 1e-20 keeps silence silent without being seen at any level that 24 bits can hold.
        return ((power / (level + 1e-20)) + 1e-7) ** 0.15

    def calibrate(self, features):
        """Sets the mean and spread that features are centred with: constants, not learned. `features` as above."""
        self.mean.copy_(features.mean((0, 2)))
        self.scale.copy_(1.0 / (features.std((0, 2)) + 1e-3))

    def mask(self, x):
        return self.mask_from(self.features(x))

    def mask_from(self, features):
        return self.answer(self.centred(features))

    def centred(self, features):
        return (features - self.mean[:, None]) * self.scale[:, None]

    def answer(self, seen):
        """What the heads say of every bin, [batch, answers, frames, bins], of what is seen there."""
        seen = seen.contiguous(memory_format=torch.channels_last)
        parts = zip(self.gather, seen.split([bins for bins, _ in self.layout], 3))
        tokens = torch.cat([layer(bins) for layer, bins in parts], 3).contiguous(memory_format=torch.channels_last)
        body = self.body(F.relu(self.gather_norm(tokens)))
        parts = zip(
            self.heads,
            body.split([bins // size for bins, size in self.layout], 3),
            seen.split([bins for bins, _ in self.layout], 3),
        )
        return torch.cat([head(tokens, bins) for head, tokens, bins in parts], 3)

    def own(self, m):
        """How much of a channel is voice: none to all."""
        if self.shape.greed == 1.0:
            return torch.sigmoid(m - 0.5)
        return 1.0 - torch.sigmoid(0.5 - m) ** self.shape.greed

    def apply_mask(self, m, x):
        if self.shape.mask == "plain":
            return torch.sigmoid(m - 0.5) * x
        lr, li, rr, ri = x.unbind(1)
        first, second, third, fourth = m.unbind(1)
        if self.shape.mask == "complex":
            a, b, c, d = first.tanh() * 0.6 + 0.4, second.tanh(), third.tanh() * 0.6 + 0.4, fourth.tanh()
            return torch.stack([a * lr - b * li, a * li + b * lr, c * rr - d * ri, c * ri + d * rr], 1)
        own_left, own_right = self.own(first), self.own(second)
        from_right, from_left = 0.5 * third.tanh(), 0.5 * fourth.tanh()
        return torch.stack(
            [
                own_left * lr + from_right * rr,
                own_left * li + from_right * ri,
                from_left * lr + own_right * rr,
                from_left * li + own_right * ri,
            ],
            1,
        )

    def separate(self, x):
        """Vocals of a mix, both [batch, 4, frames, bins]."""
        return self.vocals(self.mask(x), x)

    def vocals(self, m, x):
        """What masks let through; of two outputs, what is missing or too much is shared out evenly."""
        m = m.float()
        count = MASK_CHANNELS[self.shape.mask]
        vocals = self.apply_mask(m[:, :count], x)
        if self.shape.outputs == 1:
            return vocals
        return 0.5 * (x + vocals - self.apply_mask(-m[:, count:], x))

    def forward(self, x):
        return self.separate(x.transpose(2, 3)).transpose(2, 3)


def parameters(network):
    return sum(p.numel() for p in network.parameters())
