"""Composes a backing track: a genre, its form and harmony, and the parts that play it.

One module: the tables of genres and the composer that draws from them in one fixed order of random numbers.

A part is a dictionary: role, group (0 rhythm, 1 tonal), instrument (kind, name), notes (start s, length s, pitch, velocity).
"""

import numpy as np
from instruments import CLAP, COWBELL, CRASH, HAT, KICK, OPEN, RIDE, RIM, SNARE, TOMS

SCALES = {"major": [0, 2, 4, 5, 7, 9, 11], "minor": [0, 2, 3, 5, 7, 8, 10], "dorian": [0, 2, 3, 5, 7, 9, 10],
          "mixolydian": [0, 2, 4, 5, 7, 9, 10], "phrygian": [0, 1, 3, 5, 7, 8, 10], "lydian": [0, 2, 4, 6, 7, 9, 11],
          "harmonic minor": [0, 2, 3, 5, 7, 8, 11]}  # fmt: skip
NAMES = ["C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"]
PROGRESSIONS = [[0, 3, 4, 3], [0, 4, 5, 3], [5, 3, 0, 4], [0, 5, 3, 4], [0, 0, 3, 4], [1, 4, 0, 0], [1, 4, 0, 5], [0, 6, 3, 4],
                [5, 4, 3, 4], [0, 2, 3, 5], [0, 6, 5, 4], [0, 3, 6, 2, 5, 1, 4, 0], [0, 0, 0, 0, 3, 3, 0, 0, 4, 3, 0, 4],
                [0, 0, 5, 5], [0, 6], [0, 3], [0], [2, 5, 1, 4]]  # fmt: skip

# Instruments by family. ("font", program) is General MIDI; 52-54, 85, 91, 94, 101 and 102 hold voices, or may, and are never
# used, nor is 100, which does in some fonts. Synthesisers and samples are left out where only the font may play.
FAMILIES = {
    "piano": ([0, 0, 1, 2, 3], [], []),
    "electric piano": ([4, 5], ["fm piano"], []),
    "harpsichord": ([6], ["harpsichord"], []),
    "clavinet": ([7], [], []),
    "mallets": ([8, 9, 10, 11, 12, 13, 14, 15, 108, 114], ["fm bell", "fm wood"], []),
    "organ": ([16, 17, 18], ["drawbar organ", "drawbar organ"], []),
    "church organ": ([19], ["pipe organ", "pipe organ"], []),
    "reed organ": ([20, 21, 22, 23], ["reeds"], ["reed organ"]),
    "acoustic guitar": ([24, 25, 25], ["steel", "nylon"], []),
    "electric guitar": ([26, 27, 28], ["electric"], []),
    "distorted guitar": ([29, 30], ["electric"], []),
    "electric bass": ([33, 34, 35, 36, 37], ["string bass", "muted"], []),
    "upright bass": ([32], ["string bass"], []),
    "synth bass": ([38, 39], ["synth bass", "reese bass", "sub bass", "fm bass"], []),
    "sub bass": ([38, 39], ["sub bass"], []),
    "strings": ([48, 49, 50, 51, 44], ["string machine"], ["string pad"]),
    "string machine": ([50, 51], ["string machine", "string machine"], []),
    "solo strings": ([40, 41, 42, 110], [], ["violin", "viola", "cello"]),
    "violin": ([40], [], ["violin"]),
    "viola": ([41], [], ["viola"]),
    "cello": ([42], [], ["cello"]),
    "double bass": ([43], [], []),
    "pizzicato": ([45], [], []),
    "harp": ([46], ["harp"], []),
    "brass": ([56, 57, 58, 60, 61, 62, 63, 59], ["synth brass"], ["trumpet", "trombone", "horn"]),
    "solo brass": ([56, 57, 59, 60], [], ["trumpet", "trombone", "horn"]),
    "sax": ([64, 65, 66, 67], [], ["alto sax a", "alto sax b", "alto sax c", "alto sax d", "tenor sax", "baritone sax", "soprano sax a", "soprano sax b"]),
    "woodwind": ([68, 69, 70, 71, 72, 73], [], ["flute a", "flute b", "bass flute", "clarinet", "bass clarinet", "oboe", "bassoon"]),
    "pipe": ([73, 74, 75, 76, 77, 78, 79], ["theremin lead"], ["pan flute", "flute a"]),
    "pad": ([88, 89, 90, 92, 93, 95], ["soft pad", "soft pad", "sweep pad", "string machine"], ["glass harmonica", "string pad"]),
    "synth": ([90, 80, 81, 62], ["supersaw", "poly", "synth brass"], []),
    "synth pluck": ([80, 81, 98, 99, 27], ["synth pluck", "synth pluck", "fm bell", "poly"], []),
    "synth lead": ([80, 81, 82, 84, 86, 87], ["saw lead", "square lead", "wah lead", "theremin lead"], []),
    "theremin": ([79, 78], ["theremin lead", "theremin lead", "wah lead"], ["theremin", "toy horn"]),
    "chip": ([80, 81], ["chip", "chip"], []),
    "banjo": ([105, 24], ["steel"], []),
    "fiddle": ([110, 40], [], ["violin"]),
    "world": ([104, 106, 107, 111, 109, 108], ["nylon"], ["sitar"]),
    "timpani": ([47], [], []),
}  # fmt: skip

# Sixteenth-note patterns: x hit, o soft, ? perhaps.
BEATS = {
    "rock": {KICK: ["x.......x.x.....", "x..?..x.x.?....?", "x.....x...x....."], SNARE: ["....x.......x...", "....x..o.o..x..o"], HAT: ["x.o.x.o.x.o.x.o.", "x...x...x...x..."], OPEN: ["..............?."]},
    "pop": {KICK: ["x.....?.x.......", "x......xx.......", "x..x..x.....?..."], SNARE: ["....x.......x..."], CLAP: ["................", "....x.......x..."], HAT: ["x.x.x.x.x.x.x.x.", "xoxoxoxoxoxoxoxo"]},
    "ballad": {KICK: ["x.......x.......", "x.........x....."], RIM: ["....x.......x...", "................"], SNARE: ["........x.......", "............x..."], HAT: ["x.o.x.o.x.o.x.o.", "x...x...x...x..."]},
    "house": {KICK: ["x...x...x...x..."], CLAP: ["....x.......x..."], OPEN: ["..x...x...x...x."], HAT: ["x?.ox?.ox?.ox?.o", "xoxoxoxoxoxoxoxo"]},
    "techno": {KICK: ["x...x...x...x..."], HAT: ["..x...x...x...x.", "xxxxxxxxxxxxxxxx"], RIM: ["...x..?...x..?..", "................"], CLAP: ["................", "....x.......x..."], TOMS[0]: ["..........?..?.."]},
    "dnb": {KICK: ["x.........x.....", "x.x.......x....."], SNARE: ["....x..o.o..x...", "....x.......x..o"], HAT: ["x.x.x.x.x.x.x.x.", "xoxoxoxoxoxoxoxo"], RIDE: ["................", "x...x...x...x..."]},
    "hip-hop": {KICK: ["x..?..?...x.....", "x.....x..x.....?"], SNARE: ["....x.......x...", "....x.......x..o"], HAT: ["x.x.x.x.x.xox.x.", "x.o.x.o.x.o.x.oo"]},
    "trap": {KICK: ["x.....?...?..x..", "x..x......x....."], CLAP: ["........x.......", "....x.......x..."], HAT: ["x.x.x.xxx.x.xxxx", "x.xxx.x.x.x.xox."], OPEN: ["..............?."]},
    "jazz": {RIDE: ["x...x.?ox...x.?o", "x...x..ox...x..o"], 44: ["....x.......x..."], KICK: ["o.......?......."], SNARE: ["..?..?.o..?...?.", "................"]},
    "funk": {KICK: ["x.x....?..x..?..", "x..x..?.x.......", "x.....x...x..x.."], SNARE: ["....x..o.o..x..o"], HAT: ["xoxoxoxoxoxoxoxo", "x.xox.xox.xox.x."], OPEN: ["......?.......?."]},
    "disco": {KICK: ["x...x...x...x..."], SNARE: ["....x.......x..."], HAT: ["x.o.x.o.x.o.x.o."], OPEN: ["..x...x...x...x."]},
    "latin": {KICK: ["x..x..x.x..x..x.", "...x..x....x..x."], RIM: ["x..x..x...x.x...", "..x.x...x..x..x."], COWBELL: ["x...x...x...x...", "x.xox.xox.xox.xo"], 64: ["..x...xx..x...xx"], 62: ["x...x...x...?..."]},
    "reggae": {KICK: ["........x.......", "x.......x......."], RIM: ["........x.......", "....?...x......."], HAT: ["x.o.x.o.x.o.x.oo", "..x...x...x...x."]},
    "metal": {KICK: ["xxxxxxxxxxxxxxxx", "x.xxx.xxx.xxx.xx", "x.x...x.x.x...x."], SNARE: ["....x.......x...", "..x...x...x...x.", "........x......."], RIDE: ["x...x...x...x...", "................"], CRASH: ["................", "x...............", "x...x...x...x..."], HAT: ["................", "x...x...x...x..."]},
    "country": {KICK: ["x.......x.......", "x...x...x...x..."], SNARE: ["..x...x...x...x.", "o.xoo.xoo.xoo.xo", "....x.......x..."], HAT: ["x.x.x.x.x.x.x.x.", "................"]},
    "orchestral": {41: ["x...............", "x.......?......."], 35: ["x...............", "................"], CRASH: ["................", "?..............."], SNARE: ["................", "x..xx.x.x..xx.x."]},
}  # fmt: skip
# Kits of the soundfont for a style; a synthetic kit is played as often where `synth` says so.
KITS = {
    "jazz": [32, 33, 34, 40],
    "ballad": [0, 1, 8, 40],
    "house": [24, 25],
    "techno": [24, 25],
    "trap": [25],
    "orchestral": [48],
    "metal": [16, 17, 18],
    "hip-hop": [25, 0, 24],
    "dnb": [24, 16, 0],
}
ELECTRONIC = {"house": 0.8, "techno": 0.85, "trap": 0.85, "hip-hop": 0.5, "dnb": 0.6, "pop": 0.4, "disco": 0.3, "funk": 0.1}

# weight, tempo range, metres (beats in a bar), beats, bass families and patterns, layers (chance, role, families, patterns).
# Roles: chords, pad, lead. Long sounds that a model takes for singing (pads, organs, solo leads) are in most genres.
PAD = (0.45, "pad", ["pad", "strings", "string machine"], ["sustain", "sustain", "voices"])
STUDIO_LEADS = [
    "sax",
    "synth lead",
    "electric guitar",
    "solo strings",
    "pipe",
    "theremin",
    "solo brass",
    "woodwind",
    "reed organ",
]
SINGING = ["sax", "theremin", "solo strings", "woodwind", "pipe", "solo brass"]
GENRES = {
    "rock": dict(weight=8, tempo=(90, 165), metres=[4, 4, 4, 3, 6], beats=["rock"], bass=(["electric bass"], ["eighths", "root", "syncopated"]), layers=[(1, "chords", ["distorted guitar", "electric guitar"], ["power", "eighths", "strum", "sustain"]), (0.6, "chords", ["electric guitar", "acoustic guitar", "organ", "piano"], ["strum", "arpeggio", "eighths", "sustain"]), (0.4, "pad", ["organ", "strings", "pad"], ["sustain"]), (0.55, "lead", ["distorted guitar", "electric guitar", "synth lead", "sax", "theremin"], ["melody"])]),
    "pop": dict(weight=9, tempo=(80, 132), metres=[4], beats=["pop", "rock", "house", "ballad"], bass=(["electric bass", "synth bass"], ["root", "eighths", "syncopated", "octaves"]), layers=[(0.9, "chords", ["piano", "electric piano", "acoustic guitar", "synth", "electric guitar"], ["strum", "eighths", "quarters", "arpeggio", "stabs"]), (0.5, "chords", ["synth pluck", "mallets", "electric guitar"], ["arpeggio", "riff", "stabs"]), (0.6, *PAD[1:]), (0.6, "lead", STUDIO_LEADS, ["melody", "riff"])]),
    "ballad": dict(weight=7, tempo=(60, 86), metres=[4, 4, 3, 6], beats=["ballad"], bass=(["electric bass", "upright bass"], ["root", "pedal"]), layers=[(1, "chords", ["piano", "electric piano", "acoustic guitar"], ["arpeggio", "quarters", "sustain"]), (0.8, "pad", ["strings", "pad", "organ", "string machine"], ["sustain", "voices"]), (0.7, "lead", SINGING, ["melody", "slow melody"])]),
    "house": dict(weight=5, tempo=(118, 130), metres=[4], beats=["house", "disco"], bass=(["synth bass"], ["offbeat", "syncopated", "octaves"]), pump=0.7, layers=[(0.9, "chords", ["synth", "organ", "electric piano", "piano"], ["stabs", "offbeat", "eighths"]), (0.6, *PAD[1:]), (0.6, "lead", ["synth lead", "synth pluck", "sax", "theremin"], ["riff", "melody"])]),
    "techno": dict(weight=4, tempo=(122, 150), metres=[4], beats=["techno"], bass=(["synth bass"], ["sixteenths", "offbeat", "pedal"]), pump=0.6, layers=[(0.8, "chords", ["synth pluck", "synth"], ["stabs", "riff", "sixteenths"]), (0.6, *PAD[1:]), (0.4, "lead", ["synth lead", "theremin"], ["riff", "slow melody"])]),
    "trance": dict(weight=5, tempo=(132, 144), metres=[4], beats=["house", "techno"], bass=(["synth bass"], ["offbeat", "sixteenths"]), pump=0.8, layers=[(1, "chords", ["synth"], ["sixteenths", "eighths", "sustain"]), (0.8, "pad", ["string machine", "pad"], ["sustain"]), (0.7, "lead", ["synth lead", "theremin", "synth pluck"], ["melody", "riff"])]),
    "drum and bass": dict(weight=4, tempo=(165, 180), metres=[4], beats=["dnb"], bass=(["synth bass"], ["syncopated", "pedal", "root"]), layers=[(0.6, "chords", ["electric piano", "synth pluck", "synth"], ["stabs", "arpeggio"]), (0.7, *PAD[1:]), (0.5, "lead", ["sax", "synth lead", "theremin", "pipe"], ["slow melody", "riff"])]),
    "synthwave": dict(weight=5, tempo=(80, 118), metres=[4], beats=["rock", "disco", "pop"], bass=(["synth bass"], ["eighths", "octaves", "sixteenths"]), pump=0.3, synth=1, layers=[(0.7, "chords", ["synth", "synth pluck"], ["arpeggio", "sixteenths", "stabs"]), (0.9, "pad", ["string machine", "pad", "synth"], ["sustain"]), (0.8, "lead", ["synth lead", "sax", "theremin"], ["melody", "slow melody"])]),
    "hip-hop": dict(weight=5, tempo=(70, 104), metres=[4], beats=["hip-hop"], bass=(["sub bass", "upright bass", "electric bass"], ["syncopated", "root"]), swing=0.5, layers=[(0.9, "chords", ["electric piano", "piano", "mallets", "strings", "acoustic guitar"], ["stabs", "sustain", "riff", "quarters"]), (0.4, *PAD[1:]), (0.4, "lead", ["sax", "pipe", "woodwind", "theremin", "solo brass"], ["riff", "melody"])]),
    "trap": dict(weight=5, tempo=(64, 85), metres=[4], beats=["trap"], bass=(["sub bass"], ["syncopated", "pedal"]), layers=[(0.7, "chords", ["mallets", "piano", "synth pluck", "harp"], ["arpeggio", "riff"]), (0.6, *PAD[1:]), (0.5, "lead", ["theremin", "pipe", "synth lead", "world"], ["riff", "slow melody"])]),
    "jazz": dict(weight=8, tempo=(72, 180), metres=[4, 4, 4, 3, 5], beats=["jazz"], bass=(["upright bass"], ["walking"]), swing=1, sevenths=1, layers=[(0.85, "chords", ["piano", "electric guitar", "organ", "mallets"], ["stabs", "comping", "quarters"]), (0.25, "pad", ["strings", "organ"], ["sustain"]), (0.85, "lead", ["sax", "sax", "solo brass", "woodwind", "mallets", "electric guitar", "solo strings"], ["melody", "bebop"]), (0.3, "chords", ["brass", "sax"], ["stabs", "voices"])]),
    "funk": dict(weight=6, tempo=(92, 126), metres=[4], beats=["funk", "disco"], bass=(["electric bass", "synth bass"], ["syncopated", "octaves", "sixteenths"]), sevenths=0.8, layers=[(0.9, "chords", ["electric guitar", "clavinet", "electric piano", "organ"], ["sixteenths", "comping", "offbeat"]), (0.6, "chords", ["brass", "sax", "strings"], ["stabs", "sustain"]), (0.4, *PAD[1:]), (0.5, "lead", ["sax", "synth lead", "solo brass", "electric guitar"], ["riff", "melody"])]),
    "latin": dict(weight=5, tempo=(86, 150), metres=[4], beats=["latin"], bass=(["upright bass", "electric bass"], ["tumbao", "syncopated"]), sevenths=0.5, layers=[(0.9, "chords", ["piano", "acoustic guitar", "world"], ["comping", "arpeggio", "strum"]), (0.4, "pad", ["strings", "brass"], ["sustain"]), (0.7, "lead", ["solo brass", "woodwind", "sax", "reed organ", "solo strings"], ["melody", "riff"])]),
    "reggae": dict(weight=4, tempo=(66, 92), metres=[4], beats=["reggae"], bass=(["electric bass", "sub bass"], ["syncopated", "root"]), layers=[(1, "chords", ["electric guitar", "organ", "piano"], ["offbeat"]), (0.5, "pad", ["organ", "pad"], ["sustain"]), (0.5, "lead", ["reed organ", "solo brass", "sax", "synth lead"], ["melody", "riff"])]),
    "orchestral": dict(weight=8, tempo=(60, 140), metres=[4, 4, 3, 5, 6], beats=["orchestral"], beatless=0.4, bass=(["double bass"], ["root", "pedal", "eighths"]), layers=[(1, "pad", ["strings"], ["sustain", "voices", "eighths"]), (0.6, "pad", ["brass"], ["sustain", "stabs", "voices"]), (0.6, "chords", ["harp", "pizzicato", "mallets", "timpani", "strings"], ["arpeggio", "eighths", "sixteenths"]), (0.9, "lead", ["woodwind", "solo strings", "solo brass"], ["melody", "slow melody"]), (0.5, "lead", ["woodwind", "solo brass", "strings"], ["slow melody", "melody"])]),
    "chamber": dict(weight=6, tempo=(60, 130), metres=[4, 3, 3, 6], layers=[(1, "lead", ["violin"], ["melody", "bebop"]), (0.9, "lead", ["violin", "woodwind"], ["slow melody", "riff"]), (0.9, "lead", ["viola"], ["slow melody", "eighth tones"]), (1, "lead", ["cello"], ["low melody"]), (0.3, "chords", ["piano", "harpsichord", "harp"], ["arpeggio", "quarters"])]),
    "acoustic": dict(weight=7, tempo=(70, 140), metres=[4, 4, 3, 6], beats=["ballad", "country"], beatless=0.6, bass=(["upright bass", "electric bass"], ["root"]), layers=[(1, "chords", ["acoustic guitar"], ["strum", "fingerpicked", "arpeggio"]), (0.4, "chords", ["banjo", "piano", "harp", "mallets"], ["arpeggio", "fingerpicked"]), (0.35, "pad", ["reed organ", "strings"], ["sustain"]), (0.7, "lead", ["fiddle", "pipe", "reed organ", "woodwind", "acoustic guitar"], ["melody", "slow melody"])]),
    "metal": dict(weight=5, tempo=(90, 180), metres=[4, 4, 7, 5, 3], beats=["metal"], bass=(["electric bass"], ["eighths", "sixteenths"]), scales=["minor", "phrygian", "harmonic minor"], layers=[(1, "chords", ["distorted guitar"], ["power", "gallop"]), (0.4, "pad", ["strings", "organ", "pad"], ["sustain"]), (0.6, "lead", ["distorted guitar", "synth lead"], ["bebop", "melody"])]),
    "ambient": dict(weight=8, tempo=(60, 90), metres=[4], slow=1, layers=[(1, "pad", ["pad", "string machine", "strings"], ["drone", "sustain"]), (0.8, "pad", ["pad", "organ", "strings", "reed organ"], ["drone", "voices", "sustain"]), (0.4, "chords", ["electric piano", "harp", "mallets", "piano"], ["sparse"]), (0.6, "lead", ["theremin", "pipe", "woodwind", "solo strings", "synth lead"], ["slow melody"])]),
    "church organ": dict(weight=5, tempo=(60, 110), metres=[4, 4, 3], slow=0.3, layers=[(1, "pad", ["church organ"], ["voices", "hymn", "sustain"]), (0.6, "lead", ["church organ"], ["low melody"]), (0.6, "lead", ["church organ", "solo brass"], ["melody", "bebop"])]),
    "solo": dict(weight=9, tempo=(60, 130), metres=[4, 4, 3, 5, 6], layers=[(1, "lead", ["sax", "sax", "solo strings", "woodwind", "theremin", "solo brass", "pipe", "synth lead", "reed organ", "world"], ["melody", "slow melody"]), (0.45, "chords", ["piano", "acoustic guitar", "harp", "electric piano", "organ"], ["arpeggio", "quarters", "sustain"])]),
    "chiptune": dict(weight=4, tempo=(100, 180), metres=[4, 4, 3], beats=["rock", "techno", "pop"], synth=1, bass=(["chip"], ["octaves", "eighths"]), layers=[(1, "lead", ["chip"], ["bebop", "melody"]), (0.8, "chords", ["chip"], ["sixteenths", "arpeggio"]), (0.5, "lead", ["chip", "theremin"], ["slow melody", "riff"])]),
    "country": dict(weight=5, tempo=(90, 160), metres=[4, 4, 3], beats=["country"], beatless=0.2, bass=(["upright bass", "electric bass"], ["fifths"]), scales=["major", "mixolydian"], layers=[(1, "chords", ["acoustic guitar"], ["strum", "oompah"]), (0.6, "chords", ["banjo", "piano"], ["fingerpicked", "arpeggio"]), (0.3, "pad", ["organ", "strings"], ["sustain"]), (0.8, "lead", ["fiddle", "electric guitar", "reed organ", "banjo"], ["melody", "bebop"])]),
    "world": dict(weight=4, tempo=(70, 130), metres=[4, 5, 7, 3, 6], beats=["latin"], beatless=0.4, bass=(["upright bass", "sub bass"], ["pedal", "root"]), scales=["phrygian", "dorian", "harmonic minor", "lydian", "mixolydian"], layers=[(0.8, "pad", ["pad", "strings", "reed organ"], ["drone"]), (0.7, "chords", ["world", "mallets", "acoustic guitar"], ["arpeggio", "riff"]), (1, "lead", ["world", "pipe", "woodwind", "fiddle"], ["melody", "bebop"])]),
}  # fmt: skip


class Song:
    """What all the parts share: tempo, metre, key, a chord per bar and who plays when."""

    def __init__(self, genre, rng, font_only):
        self.genre, self.rng, self.font_only = GENRES[genre], rng, font_only
        self.seconds = rng.uniform(28, 36)
        self.bpm = rng.uniform(*self.genre["tempo"])
        self.metre = int(rng.choice(self.genre["metres"]))
        self.beat = 60 / self.bpm
        self.bars = int(np.ceil(self.seconds / (self.beat * self.metre)))
        self.scale_name = str(
            rng.choice(self.genre.get("scales", ["major", "major", "minor", "minor", "dorian", "mixolydian", "lydian"]))
        )
        self.scale, self.key = SCALES[self.scale_name], int(rng.integers(12))
        self.sevenths = rng.random() < self.genre.get("sevenths", 0.15)
        self.swing = rng.uniform(0.3, 1) if rng.random() < self.genre.get("swing", 0.08) else 0.0
        self.loose = rng.choice([0.0, 0.004, 0.008, 0.016])
        self.rubato = rng.uniform(0, 0.25) if "beats" not in self.genre else 0.0
        self._harmony()
        self._form()

    def _harmony(self):
        rng = self.rng
        a, b = (PROGRESSIONS[i] for i in rng.integers(len(PROGRESSIONS), size=2))
        if rng.random() < 0.15:
            b = [int(d) for d in rng.integers(7, size=4)]
        hold = 2 if rng.random() < 0.2 + 0.6 * self.genre.get("slow", 0) else 1
        self.degrees = [
            (a if (bar // 8) % 2 == 0 else b)[bar // hold % len(a if (bar // 8) % 2 == 0 else b)] for bar in range(self.bars)
        ]
        change = int(rng.integers(self.bars // 3, self.bars)) if rng.random() < 0.15 else self.bars
        self.keys = [self.key + (int(rng.choice([1, 2, 5])) if bar >= change else 0) for bar in range(self.bars)]

    def _form(self):
        """Phrases of some bars; in a few of them one group, or one part, plays alone."""
        rng = self.rng
        self.phrase = max(1, round(6.0 / (self.beat * self.metre)))
        self.phrases = -(-self.bars // self.phrase)
        self.alone = [
            rng.choice(["", "lead", "pad", "chords", "drums", "tonal"], p=[0.78, 0.08, 0.05, 0.03, 0.03, 0.03])
            for _ in range(self.phrases)
        ]

    def plays(self, role, chance):
        """Per bar: whether a part of this role plays."""
        on = [self.rng.random() < chance for _ in range(self.phrases)]
        on[int(self.rng.integers(self.phrases))] = True
        for i, alone in enumerate(self.alone):
            if alone:
                on[i] = alone == role or (alone == "tonal" and role in ("chords", "pad", "lead"))
        return [on[bar // self.phrase] for bar in range(self.bars)]

    def time(self, bar, beat):
        """Seconds at a beat of a bar: swung eighths, and rubato where no drums hold the tempo."""
        whole, part = divmod(beat, 1.0)
        late = self.swing / 6 * (part / 0.5 if part < 0.5 else (1 - part) / 0.5)
        at = (bar * self.metre + whole + part + late) * self.beat
        return max(0.0, at + self.rubato * np.sin(at * 0.9) + self.rng.normal(0, self.loose + 1e-9))

    def tone(self, bar, degree, low=0):
        """The MIDI pitch of a scale degree (0: the key note nearest above `low`)."""
        octave, step = divmod(int(degree), 7)
        base = low + (self.keys[bar] - low) % 12
        return base + 12 * octave + self.scale[step]

    def chord(self, bar, low):
        """The chord of a bar, in the inversion whose notes lie in the octave above `low`."""
        steps = [0, 2, 4] + ([6] if self.sevenths else []) + ([8] if self.sevenths and self.rng.random() < 0.4 else [])
        tones = [self.tone(bar, self.degrees[bar] + s) for s in steps]
        return sorted({low + (t - low) % 12 for t in tones})

    def note(self, bar, beat, length, pitch, loud=0.75):
        velocity = float(np.clip(loud + 0.06 * (beat % 1 == 0) + self.rng.normal(0, 0.06), 0.1, 1))
        return (self.time(bar, beat), length * self.beat, int(np.clip(pitch, 20, 108)), velocity)


def instrument(song, families, solo=False):
    """One of the families' instruments; a solo line is more often a recorded or synthetic one."""
    rng = song.rng
    programs, synths, banks = FAMILIES[str(rng.choice(families))]
    kinds = [("font", [int(p) for p in programs])]
    if not song.font_only:
        kinds += [("synth", synths)] * bool(synths) + [("sample", banks)] * bool(banks) * (2 if solo else 1)
    kind, names = kinds[rng.integers(len(kinds))]
    return kind, names[rng.integers(len(names))]


# ---------------------------------------------------------------- patterns


def hits(song, pattern, metre):
    """(beat, length) of a bar's chord strokes."""
    rng, n = song.rng, metre
    if pattern in ("quarters", "hymn"):
        return [(b, 0.92) for b in range(n)]
    if pattern in ("eighths", "strum", "power"):
        return [(b / 2, 0.45) for b in range(2 * n) if b % 4 == 0 or rng.random() < 0.85]
    if pattern == "sixteenths":
        return [(b / 4, 0.2) for b in range(4 * n) if rng.random() < 0.85]
    if pattern == "gallop":
        return [(b + o, 0.2) for b in range(n) for o in (0, 0.5, 0.75)]
    if pattern == "offbeat":
        return [(b + 0.5, 0.3) for b in range(n)]
    if pattern == "oompah":
        return [(b + 0.5, 0.35) for b in range(n)] if n % 2 == 0 else [(b, 0.6) for b in range(1, n)]
    if pattern == "comping":
        return [(b / 2, rng.choice([0.3, 0.8])) for b in range(2 * n) if rng.random() < 0.35]
    return [(b / 4, 0.3) for b in range(4 * n) if b in (0, 6, 10) or (b > 12 and b % 4 == 2)]  # stabs


def chord_bar(song, bar, pattern, low, state):
    """A chordal part's notes in one bar."""
    rng, n = song.rng, song.metre
    chord = song.chord(bar, low)
    if pattern in ("sustain", "drone"):
        chord = [low - 12 + (song.keys[bar] - low) % 12, *chord[:: 2 if pattern == "drone" else 1]]
        return [song.note(bar, 0, n * (1.02 if pattern == "sustain" else 1.5), p, 0.65) for p in chord]
    if pattern == "voices":  # each voice moves for itself
        notes = []
        for p in chord:
            cut = float(rng.choice([n, n / 2, max(1, n - 1)]))
            notes.append(song.note(bar, 0, cut, p, 0.65))
            if cut < n:
                notes.append(song.note(bar, cut, n - cut, song.chord(bar, p + 1)[0], 0.65))
        return notes
    if pattern in ("arpeggio", "fingerpicked", "riff", "sparse"):
        return broken(song, bar, pattern, [*chord, chord[0] + 12], state)
    if pattern in ("power", "gallop"):
        root = low - 12 + (song.tone(bar, song.degrees[bar]) - low) % 12
        chord = [root, root + 7, root + 12]
    roll = rng.uniform(0.008, 0.03) if pattern == "strum" else rng.uniform(0, 0.01)
    notes = []
    for k, (beat, length) in enumerate(hits(song, pattern, n)):
        order = chord if k % 2 == 0 else chord[::-1]
        for j, p in enumerate(order):
            start, size, pitch, velocity = song.note(bar, beat, length, p)
            notes.append((start + j * roll, size, pitch, velocity))
    return notes


def broken(song, bar, pattern, chord, state):
    """Chord notes one after another: an order that is kept for the whole song."""
    rng, n = song.rng, song.metre
    if "order" not in state:
        state["step"] = {"arpeggio": rng.choice([0.25, 0.5, 0.5, 1 / 3]), "fingerpicked": 0.5, "riff": 0.25, "sparse": 1.0}[
            pattern
        ]
        size = int(round(n / state["step"]))
        density = {"arpeggio": 1.0, "fingerpicked": 0.95, "riff": 0.45, "sparse": 0.3}[pattern]
        state["order"] = [int(k) if rng.random() < density else -1 for k in rng.permuted(np.arange(size) % 4)]
        if rng.random() < 0.5 and pattern == "arpeggio":
            state["order"] = sorted(state["order"][:4]) * size
    ring = rng.choice([0.9, 2.5]) if pattern != "sparse" else 4
    size = int(round(n / state["step"]))
    return [
        song.note(bar, k * state["step"], state["step"] * ring, chord[o % len(chord)])
        for k, o in enumerate(state["order"][:size])
        if o >= 0
    ]


def melody(song, pattern, low, on):
    """A line by steps and leaps through the scale that ends its phrases on chord notes and breathes between them."""
    rng, notes, degree = song.rng, [], int(song.rng.choice([0, 2, 4, 7]))
    lengths = {
        "melody": [0.5, 0.5, 1, 1, 1.5, 2],
        "slow melody": [1, 2, 2, 3, 4],
        "bebop": [0.25, 0.5, 0.5, 0.5, 1],
        "riff": [0.5],
        "low melody": [1, 1, 2, 2],
        "eighth tones": [0.5],
    }[pattern]
    rest = {"bebop": 0.1, "slow melody": 0.08, "low melody": 0.03, "eighth tones": 0.05}.get(pattern, 0.14)
    at, total, legato = 0.0, song.bars * song.metre, rng.uniform(0.8, 1.02)
    while at < total - 0.5:
        bar, beat = divmod(at, song.metre)
        bar = int(bar)
        length = min(float(rng.choice(lengths)), total - at)
        if beat == 0 and rng.random() < 0.6:
            degree = song.degrees[bar] + int(rng.choice([0, 2, 4])) + 7 * (degree // 7 > 0)
        if on[bar] and rng.random() > rest:
            notes.append(song.note(bar, beat, length * legato, song.tone(bar, degree, low), 0.8))
        degree = int(np.clip(degree + rng.choice([-3, -2, -1, -1, 1, 1, 2, 3, 0]), -2, 12))
        at += length
    return notes


def riff(song, low, on):
    """A motif of one bar that comes again with each chord."""
    rng = song.rng
    motif = [(b / 4, int(rng.integers(0, 8))) for b in range(4 * song.metre) if rng.random() < 0.35] or [(0.0, 0)]
    return [
        song.note(bar, beat, 0.4, song.tone(bar, song.degrees[bar] + step, low), 0.8)
        for bar in range(song.bars)
        if on[bar]
        for beat, step in motif
    ]


def bass_bar(song, bar, pattern, low):
    n, rng = song.metre, song.rng
    root = low + (song.tone(bar, song.degrees[bar]) - low) % 12
    fifth = root + 7 if root + 7 < low + 16 else root - 5
    if pattern == "root":
        return (
            [song.note(bar, 0, n * 0.95, root)]
            if rng.random() < 0.7
            else [song.note(bar, 0, n / 2, root), song.note(bar, n / 2, n / 2 - 0.1, rng.choice([root, fifth]))]
        )
    if pattern == "pedal":
        return [song.note(bar, 0, n, low + (song.keys[bar] - low) % 12)]
    if pattern == "eighths":
        return [song.note(bar, b / 2, 0.45, root) for b in range(2 * n)]
    if pattern == "octaves":
        return [song.note(bar, b / 2, 0.4, root + 12 * (b % 2)) for b in range(2 * n)]
    if pattern == "sixteenths":
        return [song.note(bar, b / 4, 0.2, root) for b in range(4 * n) if b % 4 or rng.random() < 0.6]
    if pattern == "offbeat":
        return [song.note(bar, b + 0.5, 0.4, root) for b in range(n)]
    if pattern == "fifths":
        return [song.note(bar, b, 0.8, (root, fifth)[b // 2 % 2]) for b in range(0, n, 2 if n % 2 == 0 else 1)]
    if pattern == "walking":
        steps = [0, *rng.choice([1, 2, 4, 5, 6, 3], n - 1)]
        return [song.note(bar, b, 0.95, low + (song.tone(bar, song.degrees[bar] + s) - low) % 12) for b, s in enumerate(steps)]
    if pattern == "tumbao":
        return [song.note(bar, 1.5, 1.4, fifth), song.note(bar, 3, 0.95, root + 12)]
    return [
        song.note(bar, b / 4, 0.35, rng.choice([root, root, fifth, root + 12]))
        for b in range(4 * n)
        if b == 0 or rng.random() < 0.3
    ]


def drum_notes(song, style, on):
    """The beat by sixteenths with fills at the ends of phrases."""
    rng, steps, notes = song.rng, 4 * song.metre, []
    lines = {drum: str(rng.choice(choices)) for drum, choices in BEATS[style].items()}
    fills = rng.uniform(0.2, 0.9)
    for bar in range(song.bars):
        if not on[bar]:
            continue
        last = (bar + 1) % song.phrase == 0 and rng.random() < fills and style != "orchestral"
        first = int(steps - rng.choice([2, 4, 8])) if last else steps
        for drum, line in lines.items():
            for k in range(first):
                mark = line[k % 16]
                if mark in "xo" or (mark == "?" and rng.random() < 0.4):
                    notes.append(song.note(bar, k / 4, 0.2, drum, 0.45 if mark == "o" else 0.85))
        notes += [
            song.note(bar, k / 4, 0.2, rng.choice([SNARE, SNARE, *TOMS]), 0.7) for k in range(first, steps) if rng.random() < 0.8
        ]
        if bar % song.phrase == 0 and rng.random() < 0.4 and style != "jazz":
            notes.append(song.note(bar, 0, 1.0, CRASH, 0.8))
    return notes


# ---------------------------------------------------------------- parts


def drums(song):
    style = str(song.rng.choice(song.genre["beats"]))
    electronic = song.genre.get("synth", ELECTRONIC.get(style, 0.03))
    kit = song.rng.choice(KITS.get(style, [0, 1, 2, 3, 4, 5, 8, 9, 10, 16]))
    synthetic = not song.font_only and song.rng.random() < electronic
    source = ("synth drums", style) if synthetic else ("font drums", int(kit))
    return dict(role="drums", group=0, instrument=source, notes=drum_notes(song, style, song.plays("drums", 0.92)))


def bass(song):
    families, patterns = song.genre["bass"]
    pattern, low, on = str(song.rng.choice(patterns)), int(song.rng.integers(28, 34)), song.plays("bass", 0.93)
    notes = [note for bar in range(song.bars) if on[bar] for note in bass_bar(song, bar, pattern, low)]
    return dict(role="bass", group=0, instrument=instrument(song, families), notes=notes)


def layer(song, role, families, patterns):
    rng = song.rng
    pattern, solo = str(rng.choice(patterns)), role == "lead"
    on = song.plays(role, 0.75 if solo else 0.85)
    family = [str(rng.choice(families))]
    if solo:
        low = 41 if "low" in pattern or family == ["cello"] else int(rng.choice([55, 57, 60, 60, 62, 65]))
        notes = riff(song, low, on) if pattern == "riff" else melody(song, pattern, low, on)
    else:
        low, state = int(rng.choice([48, 50, 53, 55, 57, 60])), {}
        notes = [note for bar in range(song.bars) if on[bar] for note in chord_bar(song, bar, pattern, low, state)]
    return dict(role=role, group=1, instrument=instrument(song, family, solo), family=family[0], notes=notes)


def parts(song):
    """All the parts of a song; those that have nothing to play are left out."""
    rng, genre, made = song.rng, song.genre, []
    if "beats" in genre and rng.random() > genre.get("beatless", 0.03):
        made.append(drums(song))
    if "bass" in genre and rng.random() < 0.92:
        made.append(bass(song))
    made += [layer(song, *rest) for chance, *rest in genre["layers"] if rng.random() < chance]
    for part in made:
        part["notes"] = sorted(n for n in part["notes"] if n[0] < song.seconds - 0.1)
    return [part for part in made if part["notes"]]
